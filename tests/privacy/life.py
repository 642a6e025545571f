"""A person's life with recovery, by public doors: everything that rows may hold of somebody."""

from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from django.utils import timezone

from recovery import accounts, cases, feedback, lockouts, notices, privacy, resets, suppressions, sweep
from recovery.feedback import Report
from recovery.models import ApiCall, Email, RawEvent, SupportCase, Suppression
from recovery.origin import Origin
from recovery.reasons import EmailKind, EmailState
from tests.api.calling import key, post, program
from tests.asking import FIREFOX, NEW_PASSWORD, ask, browser
from tests.factories import StaffFactory, UserFactory
from tests.following import mailed_link
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


def key_of_one_who_is_gone(settings: Any) -> str:
    """Somebody asked, and the account was deleted since: on a site that keeps what is held of such people."""
    settings.RECOVERY = {**settings.RECOVERY, "ERASE_WITH_ACCOUNT": False}
    user = grace()
    mailed_link(user)
    named = accounts.key_of(user)
    user.delete()
    return named


def lives(user: Any, settings: Any) -> None:
    """Everything that may happen to somebody, from two places."""
    desk = {"TARGET": "recovery.cases.targets.email", "TO": "desk@example.org"}
    more = {"ADDRESS_CORRECTION": timedelta(days=2), "CASE_TARGETS": [desk]}
    settings.RECOVERY = {**settings.RECOVERY, **more}
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
    boss = StaffFactory.create(is_superuser=True)
    resets.correct_address(user, FORMER, actor=boss, reason=f"called, writes from {FORMER}")
    _met_by_others(user, boss)
    _what_staff_wrote(user, boss)


def _met_by_others(user: Any, boss: Any) -> None:
    """By a program, by the site's own mail, by a form of a provider, and by a mistake with another account."""
    assert post(program(REMOTE_ADDR=HOME), "requests/", {"identifier": ADDRESS}, **key()).status_code == 202
    assert ApiCall.objects.exists()
    facts = {"recipient": ADDRESS, "recipient_key": ADDRESS.lower(), "subject": f"An invoice for {NAME}"}
    Email.objects.create(kind=EmailKind.SITE, state=EmailState.HANDED_OVER, send_by=timezone.now(), **facts)
    form = f"recipient={quote(ADDRESS, safe='')}&event=failed"
    RawEvent.objects.create(esp="mailgun", content=form, error="ValueError: signature")
    other = UserFactory.create()
    resets.correct_address(other, ADDRESS, actor=boss, reason=f"is said to have {ADDRESS}")


def _what_staff_wrote(user: Any, boss: Any) -> None:
    """Reasons that name the person, where a person may be named and in the trail."""
    reason = f"{ADDRESS} called"
    resets.send_by_staff(user, actor=boss, reason=reason, origin=Origin())
    for row in Suppression.objects.filter(address_key=ADDRESS.lower(), lifted_at=None):
        suppressions.lift(row, actor=boss, reason=reason)
    lockouts.lock(user, actor=boss, reason=reason)
    sweep.sweep()


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
