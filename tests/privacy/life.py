"""A person's life with recovery, by public doors: everything that rows may hold of somebody."""

from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from recovery import accounts, cases, feedback, notices, privacy, resets, sweep
from recovery.feedback import Report
from recovery.models import Email, RawEvent, SupportCase
from recovery.origin import Origin
from tests.asking import FIREFOX, NEW_PASSWORD, ask, browser
from tests.factories import StaffFactory, UserFactory
from tests.homes import signs_in
from tests.ladder import asks, fails, with_backup
from tests.rotations.people import force, work
from tests.signing_in import fail

ADDRESS: Final = "Grace.Hopper@harbour.example"
SPARE: Final = "grace@spare.example"
FORMER: Final = "hopper@former.example"
NAME: Final = "gracehopper"
HOME: Final = "203.0.113.77"
AWAY: Final = "2001:db8:7:1::77"
TELLS: Final = (ADDRESS, SPARE, FORMER, NAME, HOME, AWAY)
"""Nothing of it may be found after an erasure."""


def grace() -> Any:
    return UserFactory.create(username=NAME, email=ADDRESS)


def lives(user: Any, settings: Any) -> None:
    """Everything that may happen to somebody, from two places."""
    settings.RECOVERY = {**settings.RECOVERY, "ADDRESS_CORRECTION": timedelta(days=2)}
    for typed in (ADDRESS.upper(), f" {NAME.title()} ", FORMER):
        ask(browser(REMOTE_ADDR=HOME), typed)
    sweep.sweep()
    signs_in(browser(REMOTE_ADDR=HOME), user)
    with_backup(user, SPARE)
    _mail_that_fails(user)
    force([user])
    work()
    user.refresh_from_db()
    user.set_password(NEW_PASSWORD)
    user.save()
    fail(NAME, 5, REMOTE_ADDR=AWAY)
    sweep.sweep()
    origin = Origin(ip=AWAY, user_agent=FIREFOX["HTTP_USER_AGENT"], language="en")
    notices.new_device(user, origin=origin)
    accounts.free_addresses(accounts.key_of(user))
    resets.correct_address(user, FORMER, actor=StaffFactory.create(is_superuser=True), reason="called")


def _mail_that_fails(user: Any) -> None:
    said = f"550 5.1.1 <{ADDRESS}>: mailbox of {NAME} unknown to {HOME}"
    fails(asks(user), detail=said)
    reports = {"esp": "postmark", "recipient": ADDRESS, "occurred_at": timezone.now()}
    feedback.ingest([Report(kind="complained", event_id="of nobody's mail", detail=said, **reports)])
    RawEvent.objects.create(esp="postmark", content=f'{{"Email": "{ADDRESS}"}}', error="KeyError: 'MessageID'")
    case = SupportCase.objects.filter(user_key=accounts.key_of(user)).first()
    staff = StaffFactory.create(is_superuser=True)
    case = case or cases.open_by_hand(user, actor=staff, reason="called")
    cases.note(case, actor=staff, text=f"{NAME} has {ADDRESS} no more, writes from {FORMER}")


def meets_trouble(user: Any) -> None:
    """An ask whose mail comes back, and a lock of sign-in."""
    fails(asks(user), detail=f"550 5.1.1 <{ADDRESS}>: unknown")
    fail(NAME, 5, REMOTE_ADDR=AWAY)
    sweep.sweep()


def queued(user: Any) -> Email:
    """A notice that waits for a worker."""
    found = notices.new_device(user, origin=Origin(ip=HOME, user_agent="Opera", language="en"))
    return found[0]


def erased(user: Any) -> dict[str, int]:
    """Erase somebody by the Python API; how many rows of each kind were held."""
    return privacy.erase(privacy.of_user(user), reason="ticket 4711").held
