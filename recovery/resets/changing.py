"""A password that was changed without a link of ours: by the person who knew the old one, or by staff in Django's
admin.

Sessions end by themselves, for each holds a hash of the password that it began with; the rest is ended here, and the
owner hears of it. A site calls ``password_changed`` from its own pages, or names ``FollowUpValidator`` (in
``password_change``) among its validators and forgets about it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser

from recovery import accounts, audit, notices, outbox, revoking, tokens
from recovery.models import ResetRequest
from recovery.models.primary import atomic
from recovery.origin import Origin
from recovery.reasons import Action

_NEW: Final = "_recovery_new"
_is_followed: ContextVar[bool] = ContextVar("recovery_password_is_followed", default=False)


def password_changed(
    user: AbstractBaseUser,
    *,
    origin: Origin | None = None,
    actor: AbstractBaseUser | None = None,
    is_first: bool = False,
    audience: str = "",
) -> int:
    """Follow up a changed password: API tokens and what ``REVOKERS`` name end, open links die, every address of the
    account is told (NIST SP 800-63B-4 section 4.6), the trail has it.

    To be called once the new password is saved, in the same transaction, so that it holds with the change or not at
    all. ``origin`` says where from the person did it; ``actor`` is the member of staff who did. ``is_first``: there
    was no password before. Returns to how many addresses a notice goes; inactive people get none.
    """
    key = accounts.key_of(user)
    with atomic(ResetRequest):
        ended, revoked = tokens.revoke(key), revoking.revoke(user)
        emails = notices.password_changed(user, origin=origin or Origin(), is_first=is_first, audience=audience)
        changed = audit.event(
            Action.PASSWORD_CHANGED,
            actor_key=accounts.key_of(actor) if actor else "",
            user_key=key,
            notices=len(emails),
            links_ended=ended,
            revoked=revoked,
        )
        outbox.write(emails, changed)
    outbox.ring(emails)
    return len(emails)


@contextmanager
def followed_up() -> Iterator[None]:
    """Whoever saves a new password within this follows it up; the validator leaves it alone."""
    mark = _is_followed.set(True)
    try:
        yield
    finally:
        _is_followed.reset(mark)


def is_news(user: Any) -> bool:
    """Whether a password that was just saved is a changed one that nobody follows up: not that of a new account."""
    return not _is_followed.get() and getattr(user, _NEW, None) != user.password


def user_created(instance: Any, created: bool, raw: bool = False, **signal: Any) -> None:
    """Receiver: the password that an account is made with is no change. Of a proxy, Django names it as the sender."""
    if created and not raw and isinstance(instance, get_user_model()):
        setattr(instance, _NEW, getattr(instance, "password", None))
