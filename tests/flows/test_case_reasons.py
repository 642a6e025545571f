"""A case says what became of the mail, from what its providers said, and the request keeps an outcome that is known."""

from datetime import timedelta
from typing import Any

import pytest

from recovery import resets, suppressions, sweep
from recovery.models import Email, ResetRequest, SupportCase
from recovery.reasons import CaseEnd, CaseReason, EmailKind, EmailReason, EmailState, Outcome
from tests.asking import asked
from tests.factories import StaffFactory, UserFactory
from tests.following import let_pass, provider, works
from tests.ladder import asks, fails, link_at, newest_reset, reported

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def user() -> Any:
    return UserFactory.create()


def bounced_for_good(user: Any, settings: Any) -> None:
    fails(asks(user), detail="550 5.1.1 no such user")


def full_for_days(user: Any, settings: Any) -> None:
    fails(asks(user), detail="452 4.2.2 mailbox full")


def full_at_last(user: Any, settings: Any) -> None:
    email = asks(user)
    reported(email, "deferred", detail="451 4.7.1 greylisted, come back later")
    let_pass(timedelta(hours=1))
    fails(email, detail="452 4.2.2 mailbox full")


def gone_in_the_end(user: Any, settings: Any) -> None:
    email = asks(user)
    reported(email, "deferred", detail="452 4.2.2 mailbox full")
    let_pass(timedelta(hours=1))
    fails(email, detail="550 5.1.1 no such user")


def suppressed(user: Any, settings: Any) -> None:
    suppressions.add(user.email, reason="bounced", source="postmark")
    asks(user)
    sweep.sweep()


def recipient_refused(user: Any, settings: Any) -> None:
    with provider("tests.backends.Refusing", settings):
        asks(user)
    sweep.sweep()
    assert newest_reset().reason == EmailReason.PROVIDER_REFUSED_RECIPIENT


def not_sent_in_time(user: Any, settings: Any) -> None:
    with provider("tests.backends.Unreachable", settings):
        asks(user)
    let_pass(timedelta(minutes=31))
    sweep.sweep()
    assert newest_reset().state == EmailState.EXPIRED


def too_large(user: Any, settings: Any) -> None:
    with provider("tests.backends.TooNarrow", settings):
        asks(user)
        for _ in range(5):
            let_pass(timedelta(minutes=5))
            sweep.sweep()
    assert (newest_reset().state, newest_reset().reason) == (EmailState.FAILED, EmailReason.PROVIDER_REFUSED_MAIL)


WHY = {
    bounced_for_good: CaseReason.BOUNCED_NO_BACKUP,
    full_for_days: CaseReason.REPEATED_SOFT,
    full_at_last: CaseReason.REPEATED_SOFT,
    gone_in_the_end: CaseReason.BOUNCED_NO_BACKUP,
    suppressed: CaseReason.BOUNCED_NO_BACKUP,
    recipient_refused: CaseReason.BOUNCED_NO_BACKUP,
    not_sent_in_time: CaseReason.UNDELIVERABLE,
    too_large: CaseReason.UNDELIVERABLE,
}


@pytest.mark.parametrize(("happens", "reason"), WHY.items(), ids=lambda each: getattr(each, "__name__", str(each)))
def test_a_case_says_what_became_of_the_mail(user: Any, settings: Any, happens: Any, reason: CaseReason) -> None:
    happens(user, settings)
    assert SupportCase.objects.get().reason == reason
    assert asked().outcome == Outcome.ESCALATED


def test_an_outcome_that_is_known_stays(user: Any) -> None:
    """Another account of the same ask got in meanwhile."""
    email = asks(user)
    ResetRequest.objects.update(outcome=Outcome.COMPLETED)
    fails(email)
    assert SupportCase.objects.count() == 1
    assert asked().outcome == Outcome.COMPLETED


def test_a_mail_that_failed_long_ago_is_followed_up_no_more(user: Any) -> None:
    """Its report came, and no worker ran for a week: nobody waits for it any more."""
    email = asks(user)
    reported(email)
    let_pass(timedelta(days=7, minutes=1))
    sweep.sweep()
    assert email.pk not in resets.lost()
    assert not SupportCase.objects.exists()
    assert Email.objects.filter(kind=EmailKind.RESET).count() == 1


def test_a_case_that_was_opened_as_the_person_got_in_is_closed_by_the_sweep(user: Any) -> None:
    first = asks(user)
    fails(first)
    link = link_at(user.email)
    SupportCase.objects.update(closed_at=first.queued_at)
    assert works(link, user)
    SupportCase.objects.update(closed_at=None, end="")
    sweep.sweep()
    assert SupportCase.objects.get().end == CaseEnd.COMPLETED


def test_a_failure_of_another_day_has_a_case_of_its_own_with_whoever_worked_on_the_old_one(user: Any) -> None:
    fails(asks(user))
    first, staff = SupportCase.objects.get(), StaffFactory.create()
    SupportCase.objects.update(assigned_to=str(staff.pk))
    let_pass(timedelta(hours=20))
    fails(asks(user))
    assert SupportCase.objects.get().failure_count == 2, "the same incident"
    let_pass(timedelta(hours=5))
    fails(asks(user))
    first.refresh_from_db()
    assert first.end == CaseEnd.SUPERSEDED
    second = SupportCase.objects.get(closed_at=None)
    assert (second.assigned_to, second.failure_count) == (str(staff.pk), 1)
    assert second.request == asked()
