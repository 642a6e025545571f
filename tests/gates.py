"""People whom one gate or another stops, and how they ask."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress

from recovery import resets
from recovery.models import ResetRequest, ResetToken
from recovery.origin import Origin
from recovery.reasons import Gate, Outcome
from tests.asking import ask, browser, work
from tests.factories import UserFactory
from tests.objecting import newest_to, says_so


def asks(user: Any) -> None:
    """Somebody asks for the account, now by address, now by name, from a place that never asked before: no limit
    of the page is reached before the account's own."""
    count = ResetRequest.objects.count()
    ask(browser(REMOTE_ADDR=f"198.51.{count}.1"), user.email if user.email and count % 2 else user.username)
    work()


def unverified() -> Any:
    user = UserFactory.create()
    EmailAddress.objects.create(user=user, email=user.email, verified=False, primary=True)
    return user


def disputed() -> Any:
    """Somebody whose address was changed; whoever has the former one says that it was not them."""
    user = UserFactory.create()
    old, user.email = user.email, f"new.{user.email}"
    user.save()
    resets.address_changed(user, old=old, new=user.email, origin=Origin())
    says_so(newest_to(old))
    user.refresh_from_db()
    return user


def mailed_before() -> Any:
    user = UserFactory.create()
    asks(user)
    return user


def mailed_often() -> Any:
    user = UserFactory.create()
    for _ in range(5):
        asks(user)
        let_a_minute_pass()
    return user


def let_a_minute_pass() -> None:
    """The cool-down ends, the hour of the cap goes on."""
    past = timedelta(seconds=61)
    for token in ResetToken.objects.all():
        ResetToken.objects.filter(pk=token.pk).update(issued_at=token.issued_at - past)


OF_A_RESET = [gate for gate in Gate if gate != Gate.NOT_JOINED]
OF_AN_ACTIVATION = [gate for gate in Gate if gate != Gate.HAS_PASSWORD]
CLOSED_BY: dict[Gate, tuple[Callable[[], Any], Outcome]] = {
    Gate.ACTIVE: (lambda: UserFactory.create(is_active=False), Outcome.INACTIVE),
    Gate.HAS_PASSWORD: (lambda: UserFactory.create(password=None), Outcome.NO_PASSWORD),
    Gate.HAS_ADDRESS: (lambda: UserFactory.create(email=""), Outcome.NO_ADDRESS),
    Gate.VERIFIED_ADDRESS: (unverified, Outcome.UNVERIFIED_ADDRESS),
    Gate.UNDISPUTED: (disputed, Outcome.DISPUTED),
    Gate.COOLDOWN: (mailed_before, Outcome.COOLDOWN),
    Gate.ACCOUNT_LIMIT: (mailed_often, Outcome.THROTTLED),
}


def unknown() -> None:
    ask(browser(), "nobody@example.com")
    work()
