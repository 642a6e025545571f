"""Django's backend without what its clock tells: whoever is named, one password is hashed. What is counted stands in
``backends``."""

from typing import Any, Final, cast

from asgiref.sync import sync_to_async
from django.contrib.auth import backends, get_user_model
from django.contrib.auth.hashers import get_hasher, identify_hasher, make_password
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.views.decorators.debug import sensitive_variables

from recovery import accounts, devices

_WORK: Final = frozenset({"iterations", "work_factor", "rounds", "time_cost"})
"""What hashers call the work that a hash takes, in what they decode of one."""


class OneHashBackend(backends.ModelBackend):
    """Django's, and whatever the name is, one hash: also where the stored one is of a kind that costs nothing."""

    async def aauthenticate(self, request: Any, username: Any = None, password: Any = None, **kwargs: Any) -> Any:
        """In a thread; Django before 6.0 hashes in the event loop."""
        return await sync_to_async(self.authenticate)(request, username, password, **kwargs)

    @sensitive_variables()
    def authenticate(self, request: Any, username: Any = None, password: Any = None, **kwargs: Any) -> Any:
        users: Any = get_user_model()
        username = kwargs.get(users.USERNAME_FIELD) if username is None else username
        if username is None or password is None:
            return None
        user = _called(username)
        stored = user.password if user else ""
        if user is None or not _is_text(password):
            users().set_password(password if _is_text(password) else "")
        elif accounts.check_password(user, password):
            if user.password != stored:
                devices.rehashed(user, old_hash=stored)
            return user if self.user_can_authenticate(user) else None
        elif _is_free(user.password):
            make_password(password)
        return None


@sensitive_variables()
def _called(username: Any) -> Any:
    """As Django's own look-up; None also for what cannot be a name."""
    if not accounts.is_storable(str(username)):
        return None
    try:
        return cast(Any, get_user_model()._default_manager).get_by_natural_key(username)
    except (ObjectDoesNotExist, ValidationError, ValueError, TypeError, OverflowError):
        return None


def _is_text(password: Any) -> bool:
    """A lone surrogate is in nobody's password, and hashers raise for one: but not where no hash is stored, which would
    tell those accounts."""
    return not isinstance(password, str) or password == password.encode(errors="ignore").decode()


def _is_free(encoded: str) -> bool:
    """Whether to compare with this hash took next to no time, while a hash of today takes long (``MD5``, of old)."""
    if encoded.startswith(f"{get_hasher().algorithm}$"):
        return False
    try:
        return _WORK.isdisjoint(identify_hasher(encoded).decode(encoded))
    except (ValueError, NotImplementedError):
        return False  # then Django has hashed once
