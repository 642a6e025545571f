"""A reset mail fails while a newer link is on its way, or is not: what staff take away is not waited for."""

from datetime import timedelta
from typing import Any

import pytest

from recovery import cases, level, outbox, sweep, tokens
from recovery.models import Email, SupportCase
from recovery.reasons import CaseReason, EmailKind, EmailReason, EmailState, EmailVerb, MailLevel
from tests.factories import StaffFactory, UserFactory
from tests.following import held_back, let_pass, provider
from tests.ladder import asks, bodies_to, fails, newest_reset, reported, with_backup

pytestmark = pytest.mark.django_db(transaction=True)

SPARE = "spare@example.net"
each_verb = pytest.mark.parametrize("verb", [EmailVerb.STOP, EmailVerb.SET_ASIDE])


@pytest.fixture
def user() -> Any:
    return UserFactory.create()


def newer(user: Any, settings: Any) -> Email:
    """The person asks again, and the mail waits for its provider."""
    let_pass(timedelta(minutes=2))
    return held_back(user, settings)


def steer(email: Email, verb: EmailVerb) -> None:
    """Staff do this with the mail, and whoever was woken has done their work."""
    email.refresh_from_db()
    assert outbox.steer(email, verb, actor=StaffFactory.create(), reason="ticket 4711")
    sweep.sweep()


@each_verb
@pytest.mark.parametrize("first", ["the failure", "the act of staff"])
def test_a_newer_link_that_staff_took_away_keeps_no_failure_from_being_followed_up(
    user: Any, settings: Any, verb: EmailVerb, first: str
) -> None:
    with_backup(user)
    old = asks(user)
    new = newer(user, settings)
    if first == "the failure":
        with provider("tests.backends.Unreachable", settings):
            fails(old)
        assert bodies_to(SPARE) == [], "the newer link may still come"
        steer(new, verb)
    else:
        steer(new, verb)
        fails(old)
    assert len(bodies_to(SPARE)) == 1
    assert not SupportCase.objects.exists()


@each_verb
def test_without_a_backup_address_there_is_a_case(user: Any, settings: Any, verb: EmailVerb) -> None:
    old = asks(user)
    new = newer(user, settings)
    with provider("tests.backends.Unreachable", settings):
        fails(old)
    assert not SupportCase.objects.exists()
    steer(new, verb)
    assert SupportCase.objects.get().reason == CaseReason.BOUNCED_NO_BACKUP


def test_what_staff_took_away_before_anything_failed_makes_no_case(user: Any, settings: Any) -> None:
    asks(user)
    steer(newer(user, settings), EmailVerb.STOP)
    assert not SupportCase.objects.exists()


def test_a_case_that_told_of_it_since_is_not_opened_twice(user: Any, settings: Any) -> None:
    old = asks(user)
    new = newer(user, settings)
    steer(new, EmailVerb.SET_ASIDE)
    fails(old)
    assert cases.close(SupportCase.objects.get(), actor=StaffFactory.create(), reason="called back")
    steer(new, EmailVerb.STOP)
    assert SupportCase.objects.count() == 1


def test_a_mail_to_the_backup_address_that_staff_cancel_leads_to_a_case(user: Any, settings: Any) -> None:
    with_backup(user)
    old = asks(user)
    with provider("tests.backends.Unreachable", settings):
        fails(old)
    to_backup = newest_reset()
    assert (to_backup.recipient, to_backup.state) == (SPARE, EmailState.DEFERRED)
    steer(to_backup, EmailVerb.STOP)
    assert SupportCase.objects.get().reason == CaseReason.BACKUP_BOUNCED


def test_of_a_failure_of_long_ago_nobody_is_told_anew(user: Any, settings: Any) -> None:
    old = asks(user)
    new = newer(user, settings)
    with provider("tests.backends.Unreachable", settings):
        fails(old)
    level.switch(MailLevel.NONE, actor=StaffFactory.create(), reason="restored from a backup")
    let_pass(timedelta(minutes=1))
    sweep.sweep()
    new.refresh_from_db()
    assert (new.state, new.reason) == (EmailState.WITHHELD, EmailReason.LEVEL_NONE)
    let_pass(timedelta(days=8))
    steer(new, EmailVerb.STOP)
    old.refresh_from_db()
    assert old.followed_up_at is not None
    assert not SupportCase.objects.exists()


def test_after_the_person_changed_the_password_a_newer_link_that_died_of_it_is_no_failure(
    user: Any, settings: Any
) -> None:
    with_backup(user)
    old = asks(user)
    new = newer(user, settings)
    user.set_password("a password of the person's own")
    user.save()
    let_pass(timedelta(minutes=1))
    sweep.sweep()
    new.refresh_from_db()
    assert (new.state, new.reason) == (EmailState.CANCELLED, EmailReason.TOKEN_DEAD)
    fails(old)
    assert bodies_to(SPARE) == []
    assert not SupportCase.objects.exists()


def test_a_newer_link_for_something_else_is_no_way_in(user: Any) -> None:
    old = asks(user)
    [other] = outbox.queue(EmailKind.RESET, [user.email], request=old.request)
    tokens.issue(user, request=old.request, email=other, address=user.email, purpose="activation")
    reported(other, "delivered")
    fails(old)
    assert SupportCase.objects.count() == 1
