"""A reset mail fails: the backup address gets a fresh link, or support gets a case, before anybody calls."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.template import Context, Template

from recovery import outbox, resets, suppressions, sweep, timelines
from recovery.models import AuditEvent, Email, ResetRequest, ResetToken, SupportCase
from recovery.reasons import Action, CaseEnd, CaseReason, EmailKind, EmailReason, EmailState, EmailVerb, Outcome
from tests.asking import ask, asked, browser, set_password, work
from tests.factories import StaffFactory, UserFactory
from tests.following import let_pass, opened, provider, works
from tests.ladder import BACKUPS, asks, bodies_to, fails, link_at, newest_reset, signed_in, with_backup

pytestmark = pytest.mark.django_db(transaction=True)

SPARE = "spare@example.net"


@pytest.fixture
def user() -> Any:
    return UserFactory.create()


def test_a_bounce_brings_a_fresh_link_to_the_backup_address_and_the_person_in(user: Any) -> None:
    with_backup(user)
    first = asks(user)
    old = link_at(user.email)
    fails(first)
    assert newest_reset().recipient == SPARE
    assert link_at(SPARE) != old
    client, form = opened(link_at(SPARE))
    done = set_password(client, form)
    page = client.get(done.url).content.decode()
    assert "data-main-address-failed" in page
    user.refresh_from_db()
    assert asked().outcome == Outcome.COMPLETED
    assert not SupportCase.objects.exists()
    assert "data-main-address-failed" not in browser().get(done.url).content.decode()
    assert not works(old, user)


def test_staff_read_in_the_timeline_that_it_went_to_the_backup_address(user: Any) -> None:
    with_backup(user)
    fails(asks(user))
    steps = [step.what for step in timelines.of_request(asked())]
    assert steps.index("bounced") < steps.index("backup_mailed")
    [line] = AuditEvent.objects.filter(action=Action.BACKUP_MAILED)
    assert (line.request_id, line.email_id) == (asked().pk, newest_reset().pk)


def test_the_banner_tells_of_the_main_address_until_mail_arrives_there_again(user: Any, rf: Any) -> None:
    request = rf.get("/")
    request.user = user
    tag = Template("{% load recovery %}{% unreachable_address as address %}{{ address|default:'' }}")
    assert tag.render(Context({"request": request})) == ""
    fails(asks(user))
    assert tag.render(Context({"request": request})) == user.email
    let_pass(timedelta(hours=2))
    fails(asks(user), kind="delivered")
    assert tag.render(Context({"request": request})) == ""


def test_a_mail_that_was_not_sent_in_time_climbs_as_well(user: Any, settings: Any) -> None:
    with_backup(user)
    ask(browser(), user.email)
    with provider("tests.backends.Unreachable", settings):
        work()
    let_pass(timedelta(minutes=31))
    sweep.sweep()
    states = dict(Email.objects.filter(kind=EmailKind.RESET).values_list("recipient", "state"))
    assert states == {user.email: EmailState.EXPIRED, SPARE: EmailState.HANDED_OVER}


@pytest.mark.parametrize("kind", ["bounced", "rejected", "failed"])
def test_whatever_ends_it_for_good_climbs(user: Any, kind: str) -> None:
    with_backup(user)
    fails(asks(user), kind=kind)
    assert newest_reset().recipient == SPARE


@pytest.mark.parametrize("kind", ["deferred", "delivered", "complained", "opened", "unsubscribed"])
def test_what_is_no_final_failure_does_not(user: Any, kind: str) -> None:
    with_backup(user)
    fails(asks(user), kind=kind)
    assert newest_reset().recipient == user.email
    assert not SupportCase.objects.exists()


def test_without_a_backup_address_support_gets_one_case_which_closes_itself(user: Any) -> None:
    fails(asks(user))
    [case] = SupportCase.objects.all()
    assert (case.reason, case.user_key, case.request) == (CaseReason.BOUNCED_NO_BACKUP, str(user.pk), asked())
    assert asked().outcome == Outcome.ESCALATED
    assert "case_opened" in [step.what for step in timelines.of_request(asked())]
    let_pass(timedelta(minutes=2))
    fails(asks(user))
    case.refresh_from_db()
    assert SupportCase.objects.count() == 1
    assert case.failure_count == 2
    let_pass(timedelta(minutes=2))
    asks(user)
    assert works(link_at(user.email), user)
    case.refresh_from_db()
    assert (case.end, case.closed_by) == (CaseEnd.COMPLETED, "")
    assert case.closed_at is not None
    assert AuditEvent.objects.filter(action=Action.CASE_CLOSED).count() == 1


def test_a_new_incident_after_that_is_a_new_case(user: Any) -> None:
    for _ in range(2):
        fails(asks(user))
        let_pass(timedelta(minutes=2))
        asks(user)
        assert works(link_at(user.email), user)
        let_pass(timedelta(hours=2))
    assert SupportCase.objects.count() == 2


def test_when_the_backup_address_fails_too_there_is_a_case(user: Any) -> None:
    with_backup(user)
    fails(asks(user))
    fails(newest_reset())
    [case] = SupportCase.objects.all()
    assert case.reason == CaseReason.BACKUP_BOUNCED
    assert len(bodies_to(SPARE)) == 1


def test_several_backup_addresses_are_tried_one_after_the_other(user: Any) -> None:
    with_backup(user, SPARE)
    with_backup(user, "second@example.net")
    fails(asks(user))
    assert newest_reset().recipient == SPARE
    fails(newest_reset())
    assert newest_reset().recipient == "second@example.net"
    fails(newest_reset())
    assert SupportCase.objects.count() == 1
    assert Email.objects.filter(kind=EmailKind.RESET).count() == 3


def test_the_next_request_of_a_suppressed_address_goes_to_the_backup(user: Any) -> None:
    with_backup(user)
    suppressions.add(user.email, reason="bounced", source="postmark")
    ask(browser(), user.email)
    work()
    sweep.sweep()
    withheld = Email.objects.get(kind=EmailKind.RESET, recipient=user.email)
    assert (withheld.state, withheld.reason) == (EmailState.WITHHELD, EmailReason.SUPPRESSED)
    assert bodies_to(user.email) == []
    assert works(link_at(SPARE), user)


def test_or_makes_a_case_and_says_so_to_staff(user: Any) -> None:
    suppressions.add(user.email, reason="bounced", source="postmark")
    ask(browser(), user.email)
    work()
    sweep.sweep()
    assert SupportCase.objects.count() == 1
    assert asked().outcome == Outcome.ESCALATED


# What must not be climbed by


@pytest.mark.attack(45)
def test_the_backup_address_is_used_once_for_a_failure_told_twice(user: Any) -> None:
    with_backup(user)
    first = asks(user)
    fails(first)
    fails(first)
    sweep.sweep()
    assert not resets.follow_up(first.pk)
    assert len(bodies_to(SPARE)) == 1


@pytest.mark.attack(45)
@pytest.mark.parametrize("backup", ["unverified", "not waited", "removed", "suppressed"])
def test_a_backup_address_that_is_not_fit_gets_nothing(user: Any, backup: str) -> None:
    if backup == "unverified":
        signed_in(user).post(BACKUPS, {"address": SPARE, "password": "correct horse battery staple"})
        sweep.sweep()
        let_pass(timedelta(days=8))
        mail.outbox.clear()
    else:
        row = with_backup(user, waited=backup != "not waited")
        if backup == "removed":
            signed_in(user).post(f"{BACKUPS}{row.pk}/remove/", {"password": "correct horse battery staple"})
            sweep.sweep()
            mail.outbox.clear()  # it is told that it is none any more
        if backup == "suppressed":
            suppressions.add(SPARE, reason="bounced", source="postmark")
    fails(asks(user))
    assert bodies_to(SPARE) == []
    assert SupportCase.objects.count() == 1


@pytest.mark.attack(45)
def test_a_forged_bounce_climbs_nowhere(user: Any) -> None:
    with_backup(user)
    fails(asks(user), recipient="somebody.else@example.com")
    assert newest_reset().recipient == user.email
    assert not SupportCase.objects.exists()


@pytest.mark.attack(45)
def test_a_bounce_of_an_old_mail_sends_no_link(user: Any) -> None:
    with_backup(user)
    old = asks(user)
    let_pass(timedelta(hours=25))
    fails(old)
    assert bodies_to(SPARE) == []
    assert SupportCase.objects.count() == 1, "but it is no dead end"


@pytest.mark.attack(45)
def test_a_bounce_of_a_mail_that_a_newer_one_replaced_does_nothing(user: Any) -> None:
    with_backup(user)
    old = asks(user)
    let_pass(timedelta(minutes=2))
    asks(user)
    fails(old)
    assert bodies_to(SPARE) == []
    assert not SupportCase.objects.exists()


@pytest.mark.attack(45)
def test_after_the_person_got_in_a_late_bounce_does_nothing(user: Any) -> None:
    with_backup(user)
    old = asks(user)
    assert works(link_at(user.email), user)
    fails(old)
    assert bodies_to(SPARE) == [body for body in bodies_to(SPARE) if "/reset/" not in body]
    assert not SupportCase.objects.exists()


@pytest.mark.attack(45)
@pytest.mark.parametrize("by_address", [False, True], ids=["user name", "address as user name"])
def test_mail_to_a_backup_address_does_not_tell_the_main_one(user: Any, by_address: bool) -> None:
    if by_address:
        user.username = user.email
        user.save()
    with_backup(user)
    fails(asks(user))
    assert works(link_at(SPARE), user)
    sweep.sweep()
    told = bodies_to(SPARE)
    assert len(told) == 2, "the link, and the notice that the password was changed"
    assert not any(user.email in body for body in told)
    html = [
        str(alternative) for message in mail.outbox if message.to == [SPARE] for alternative in message.alternatives
    ]
    assert not any(user.email in text for text in html)


@pytest.mark.attack(45)
def test_the_public_pages_never_tell_of_a_backup_address(user: Any) -> None:
    with_backup(user)
    client = browser()
    answer = ask(client, user.email)
    work()
    fails(newest_reset())
    page = client.get(answer.url).content.decode()
    assert "spare" not in page
    assert "•••" not in page
    assert ask(browser(), SPARE).status_code == 302
    work()
    assert asked().outcome == Outcome.NO_ACCOUNT


def test_an_inactive_account_gets_nothing(user: Any) -> None:
    with_backup(user)
    first = asks(user)
    user.is_active = False
    user.save()
    fails(first)
    assert newest_reset() == first
    assert not SupportCase.objects.exists()


def test_what_staff_put_back_may_fail_and_climb_again(user: Any) -> None:
    with_backup(user)
    first = asks(user)
    fails(first, kind="rejected")
    first.refresh_from_db()
    assert first.followed_up_at is not None
    assert outbox.steer(first, EmailVerb.RETRY, actor=StaffFactory.create(), reason="asked by phone")
    first.refresh_from_db()
    assert first.followed_up_at is None


def test_the_request_and_its_links_are_those_of_the_ask(user: Any) -> None:
    with_backup(user)
    fails(asks(user))
    assert ResetRequest.objects.count() == 1
    assert set(ResetToken.objects.values_list("request", flat=True)) == {asked().pk}
