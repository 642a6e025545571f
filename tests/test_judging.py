"""What an answer makes of a mail: every outcome of a try, of a mail that surely never left and of one that may have."""

import smtplib
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from recovery import delivery
from recovery.delivery import judging
from recovery.models import Email, RouteState
from recovery.reasons import Circuit, EmailReason, EmailState, TryOutcome
from recovery.signals import alarm_sounded
from tests.following import let_pass, make_due, notice, story, templates, wait_of
from tests.routes.raised import answer
from tests.ways_out import LOCMEM, forget_trouble, raising, routes, told

pytestmark = pytest.mark.django_db

STATES, REASONS = EmailState, EmailReason
ERRORS: dict[TryOutcome, Exception | None] = {
    TryOutcome.ACCEPTED: None,
    TryOutcome.REFUSED_RECIPIENT: smtplib.SMTPRecipientsRefused({"a@example.com": (550, b"5.1.1 No such user")}),
    TryOutcome.REFUSED_US: smtplib.SMTPSenderRefused(550, b"5.7.1 Not your sender", "library@example.com"),
    TryOutcome.REFUSED_MAIL: smtplib.SMTPDataError(552, b"5.3.4 Message too big"),
    TryOutcome.BUSY: answer(429, {}, Retry_After="7"),
    TryOutcome.LATER: smtplib.SMTPRecipientsRefused({"a@example.com": (450, b"4.2.0 Greylisted")}),
    TryOutcome.DOWN: ConnectionRefusedError(111, "Connection refused"),
    TryOutcome.AMBIGUOUS: ConnectionResetError(104, "Connection reset by peer"),
    TryOutcome.MALFORMED: ValueError("Header values can't contain newlines"),
}


class End(NamedTuple):
    state: EmailState
    reason: str
    strikes: int  # after one try
    doubts: int
    waits: tuple[float, float] | None  # seconds; None: it is not tried again by itself


SOON, GREYLISTED, SETTLING = (1, 10), (60, 120), (60, 120)
NEVER_LEFT = {
    TryOutcome.ACCEPTED: End(STATES.HANDED_OVER, "", 1, 0, None),
    TryOutcome.REFUSED_RECIPIENT: End(STATES.FAILED, REASONS.PROVIDER_REFUSED_RECIPIENT, 1, 0, None),
    TryOutcome.REFUSED_US: End(STATES.DEFERRED, REASONS.PROVIDER_REFUSED_US, 0, 0, SOON),
    TryOutcome.REFUSED_MAIL: End(STATES.DEFERRED, REASONS.PROVIDER_REFUSED_MAIL, 1, 0, SOON),
    TryOutcome.BUSY: End(STATES.DEFERRED, REASONS.PROVIDER_BUSY, 0, 0, SOON),
    TryOutcome.LATER: End(STATES.DEFERRED, REASONS.PROVIDER_BUSY, 1, 0, GREYLISTED),
    TryOutcome.DOWN: End(STATES.DEFERRED, REASONS.PROVIDER_DOWN, 1, 0, SOON),
    TryOutcome.AMBIGUOUS: End(STATES.UNKNOWN, REASONS.NO_CLEAR_ANSWER, 1, 1, SETTLING),
    TryOutcome.MALFORMED: End(STATES.DEFERRED, REASONS.RENDER_ERROR, 1, 0, SOON),
}
MAY_HAVE_LEFT = {
    outcome: end._replace(doubts=1) for outcome, end in NEVER_LEFT.items() if outcome != TryOutcome.ACCEPTED
} | {
    TryOutcome.ACCEPTED: End(STATES.HANDED_OVER, "", 1, 0, None),
    TryOutcome.AMBIGUOUS: End(STATES.UNKNOWN, REASONS.NO_CLEAR_ANSWER, 1, 2, None),
}


def tried(settings: Any, outcome: TryOutcome, **facts: Any) -> Email:
    """A notice with these facts, after one try that came to this."""
    email, error = notice(), ERRORS[outcome]
    # Due by the database's clock, which on SQLite knows no less than a millisecond.
    Email.objects.filter(pk=email.pk).update(**{"next_try_at": Now(), **facts})
    with told(settings, raising(error) if error else lambda message: None):
        delivery.deliver(email.pk)
    email.refresh_from_db()
    return email


def ends_as(email: Email, end: End) -> None:
    found = email.state, email.reason, email.strike_count, email.doubt_count
    assert found == (end.state, end.reason, end.strikes, end.doubts)
    if end.waits is None:
        assert email.next_try_at is None or email.state not in (STATES.UNKNOWN, STATES.DEFERRED)
    else:
        shortest, longest = end.waits
        assert shortest - 0.1 <= wait_of(email) <= longest + 0.1


@pytest.mark.parametrize("outcome", TryOutcome)
def test_every_outcome_ends_a_try_in_its_own_way(outcome: TryOutcome, settings: Any) -> None:
    ends_as(tried(settings, outcome), NEVER_LEFT[outcome])


@pytest.mark.parametrize("outcome", TryOutcome)
def test_a_mail_that_may_have_left_keeps_its_doubt_unless_it_is_taken(outcome: TryOutcome, settings: Any) -> None:
    ends_as(tried(settings, outcome, doubt_count=1, state=STATES.UNKNOWN), MAY_HAVE_LEFT[outcome])


LAST_STRIKE = {
    TryOutcome.REFUSED_MAIL: (judging.MOST_REFUSALS, REASONS.PROVIDER_REFUSED_MAIL),
    TryOutcome.LATER: (judging.MOST_TRIES, REASONS.POISON),
    TryOutcome.DOWN: (judging.MOST_TRIES, REASONS.POISON),
    TryOutcome.MALFORMED: (judging.MOST_TRIES, REASONS.POISON),
}


@pytest.mark.parametrize("outcome", LAST_STRIKE)
@pytest.mark.parametrize(("doubts", "state"), [(0, STATES.FAILED), (1, STATES.UNKNOWN)])
def test_a_mail_that_fails_too_often_ends_and_one_that_may_have_left_rests(
    outcome: TryOutcome, doubts: int, state: EmailState, settings: Any
) -> None:
    strikes, reason = LAST_STRIKE[outcome]
    email = tried(settings, outcome, strike_count=strikes - 1, doubt_count=doubts)
    assert (email.state, email.reason) == (state, reason)
    let_pass(timedelta(hours=1))
    assert not Email.objects.due().exists()


@pytest.mark.parametrize("outcome", [TryOutcome.REFUSED_US, TryOutcome.BUSY])
def test_what_is_the_routes_fault_is_never_the_last_strike(outcome: TryOutcome, settings: Any) -> None:
    email = tried(settings, outcome, strike_count=delivery.MOST_TRIES - 1)
    assert (email.state, email.strike_count) == (STATES.DEFERRED, delivery.MOST_TRIES - 1)


def test_a_mail_is_not_struck_for_a_route_that_is_down_for_all(settings: Any) -> None:
    """The third failure in a row opens the circuit; from then on it is not this mail's fault."""
    email = notice()
    with told(settings, raising(ConnectionRefusedError(111, "Connection refused"))):
        for _ in range(3):
            make_due(email)
            delivery.deliver(email.pk)
    email.refresh_from_db()
    assert (email.attempt_count, email.strike_count) == (3, 2)


def test_a_mail_without_an_open_route_is_left_alone(settings: Any) -> None:
    tried(settings, TryOutcome.REFUSED_US)
    email = notice()
    with told(settings) as given:
        assert delivery.deliver(email.pk) is None
        assert delivery.drain().tried == 0
    email.refresh_from_db()
    assert (email.state, email.attempt_count, given) == (STATES.QUEUED, 0, [])
    assert story(email) == ["queued"]


@pytest.mark.parametrize("outcome", [TryOutcome.DOWN, TryOutcome.BUSY, TryOutcome.REFUSED_US])
def test_what_the_first_route_surely_did_not_take_leaves_by_the_second_at_once(
    outcome: TryOutcome, settings: Any
) -> None:
    email, error = notice(), ERRORS[outcome]
    with told(settings, raising(error) if error else lambda message: None) as given:
        [first] = settings.RECOVERY["ROUTES"]
        with routes(settings, first, {"NAME": "spare", "BACKEND": LOCMEM}):
            assert delivery.deliver(email.pk) == STATES.HANDED_OVER
    email.refresh_from_db()
    assert (len(given), email.route, email.attempt_count) == (1, "spare", 1)
    assert f"main · {outcome.value}" in email.events.latest("id").detail


@pytest.mark.parametrize("outcome", [TryOutcome.AMBIGUOUS, TryOutcome.REFUSED_RECIPIENT, TryOutcome.REFUSED_MAIL])
def test_no_other_route_is_tried_after_an_answer_that_may_be_a_yes_or_is_a_no(
    outcome: TryOutcome, settings: Any, mailoutbox: Any
) -> None:
    email, error = notice(), ERRORS[outcome]
    with told(settings, raising(error) if error else lambda message: None):
        [first] = settings.RECOVERY["ROUTES"]
        with routes(settings, first, {"NAME": "spare", "BACKEND": LOCMEM}):
            delivery.deliver(email.pk)
    email.refresh_from_db()
    assert (email.state, email.reason, email.route) == (*NEVER_LEFT[outcome][:2], "main")
    assert mailoutbox == []


def test_a_route_that_failed_is_tried_with_the_least_urgent_mail_and_the_others_take_the_spare(settings: Any) -> None:
    urgent, last = notice(), notice()
    Email.objects.filter(pk=urgent.pk).update(priority=0)
    with told(settings, raising(ConnectionRefusedError())) as given:
        [first] = settings.RECOVERY["ROUTES"]
        with routes(settings, first, {"NAME": "spare", "BACKEND": LOCMEM}):
            RouteState.objects.create(name="main", circuit=Circuit.OPEN, probe_at=timezone.now())
            delivery.deliver_each([urgent.pk, last.pk])
    assert [message.extra_headers["Message-ID"] for message in given] == [f"<{last.pk}@riverside-library.example>"]
    assert set(Email.objects.values_list("state", "route")) == {(STATES.HANDED_OVER, "spare")}


@pytest.mark.django_db(transaction=True)
def test_a_translation_that_breaks_falls_back_to_the_sites_language_and_somebody_is_told(
    mailoutbox: Any,
) -> None:
    heard: list[tuple[str, str]] = []

    def hear(alarm: Any, subject: str, **kwargs: Any) -> None:
        heard.append((alarm.value, subject))

    email = notice()
    Email.objects.filter(pk=email.pk).update(language="de")
    alarm_sounded.connect(hear)
    try:
        with templates({"recovery/mail/password_changed.txt": "{% if language == 'de' %}{{ 1|date:x }}{% endif %}"}):
            assert delivery.deliver(email.pk) == STATES.HANDED_OVER
    finally:
        alarm_sounded.disconnect(hear)
    [message] = mailoutbox
    assert "Passwort" not in message.subject
    assert "in en: the translation broke" in email.events.latest("id").detail
    assert heard == [("translation_broken", "password_changed/de")]


def test_waits_double_up_to_five_minutes(settings: Any) -> None:
    email, longest = notice(), 0.0
    with told(settings, raising(ConnectionRefusedError())):
        for number in range(delivery.MOST_TRIES - 1):
            forget_trouble()
            make_due(email)
            delivery.deliver(email.pk)
            wait = wait_of(email)
            assert wait <= min(10 * 2**number, 300) + 0.1
            longest = max(longest, wait)
    assert longest > 10
    assert Email.objects.filter(attempt_count=F("strike_count")).exists()
