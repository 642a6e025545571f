"""The password of somebody who is signed in, asked once more: counted as a sign-in is, and refused like one.

For forms that a session alone must not pass. Whoever has a session that somebody left open would guess there else.
"""

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from recovery import accounts, devices
from recovery.exceptions import SignInRefused
from recovery.lockouts.counting import Attempt
from recovery.lockouts.keys import counters
from recovery.origin import Origin


@sensitive_variables("password")
def check_password(user: AbstractBaseUser, password: str, *, origin: Origin, device: str | None = None) -> bool:
    """Whether it is the password of ``user``; counted on the counters that sign-in counts on, outside of the caller's
    transaction.

    ``device``: the id of the browser as a known device of ``user`` (``devices.known``), which has a counter of its own.
    Raises SignInRefused, and looks at no password, while sign-in with that name is refused. Waits ten seconds at most
    while others are judged.
    """
    counted = counters(user.get_username(), source=origin.source, device=device)
    attempt = Attempt(counted, whose=lambda: accounts.key_of(user), ip=origin.ip)
    if not attempt.enter():
        raise _refused(attempt)
    stored = user.password
    try:
        is_right = accounts.check_password(user, password)
    except UnicodeEncodeError:  # a lone surrogate, which is in nobody's password
        is_right = False
    except Exception:  # a hasher may be the site's; a password that nobody judged was no guess
        attempt.give_back()
        raise
    if not is_right:
        attempt.fail()
    elif not attempt.succeed(user):
        raise _refused(attempt)
    if is_right and user.password != stored:
        devices.rehashed(user, old_hash=stored)
    return is_right


def _refused(attempt: Attempt) -> SignInRefused:
    return SignInRefused(attempt.refused_until or timezone.now())
