"""Cases 96 to 100: mail that must not leave any more, a link's life, poison, the head of the line, clocks."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from recovery import delivery, outbox, resets, sweep, timelines, tokens
from recovery.models import Email, ResetRequest, ResetToken, moves
from recovery.reasons import EmailKind, EmailReason, EmailState, Outcome
from tests.asking import ask, asked, browser
from tests.factories import UserFactory
from tests.following import held_back, let_pass, make_due, notice
from tests.test_delivery_reasons import BETWEEN
from tests.ways_out import raising, told

pytestmark = pytest.mark.django_db


# Case 96: stale mail


@pytest.mark.attack(96)
def test_after_workers_were_stopped_for_longer_than_links_live_nothing_leaves_and_each_request_says_so() -> None:
    for number in range(3):
        ask(browser(REMOTE_ADDR=f"198.51.100.{number}"), UserFactory.create().email)
    assert resets.decide(asked().pk) == Outcome.SENT  # and then its worker stopped, too
    let_pass(timedelta(hours=2))
    sweep.sweep()
    assert mail.outbox == []
    assert set(Email.objects.values_list("state", "reason")) == {(EmailState.EXPIRED, EmailReason.PAST_SEND_BY)}
    for request in ResetRequest.objects.all():
        steps = timelines.of_request(request)
        assert request.outcome == Outcome.EXPIRED or "expired" in [step.what for step in steps]


@pytest.mark.attack(96)
@pytest.mark.parametrize("happens", BETWEEN)
def test_what_happens_while_the_worker_is_busy_with_another_mail_stops_this_one(
    happens: Callable[[Any], None], settings: Any
) -> None:
    """Between queue and send, and the worker is at the mail before it."""
    settings.RECOVERY = {**settings.RECOVERY, "ERASE_WITH_ACCOUNT": False}
    user = UserFactory.create()
    email = held_back(user, settings)
    make_due(email)
    first = notice()
    Email.objects.filter(pk=first.pk).update(priority=0, queued_at=timezone.now() - timedelta(minutes=1))
    Email.objects.filter(pk=email.pk).update(priority=1)

    def meanwhile(message: Any) -> None:
        if len(given) == 1:
            happens(user)
            make_due(email)

    with told(settings, meanwhile, CONNECTIONS=1) as given:
        sweep.sweep()
    email.refresh_from_db()
    assert (email.state, email.reason) == BETWEEN[happens]
    assert str(email.pk) not in [message.metadata["recovery_email_id"] for message in given]


# Case 97: life that is left


@pytest.mark.attack(97)
def test_a_link_that_waited_in_the_queue_has_its_whole_life_before_it_when_it_leaves(settings: Any) -> None:
    email = held_back(UserFactory.create(), settings)
    let_pass(timedelta(minutes=25))
    make_due(email)
    delivery.deliver(email.pk)
    [link] = ResetToken.objects.filter(email=email)
    assert link.expires_at - timezone.now() > tokens.lifetime() - timedelta(minutes=1)


# Case 98: poison


@pytest.mark.attack(98)
def test_a_mail_that_breaks_whoever_takes_it_keeps_no_other_waiting_and_ends(settings: Any) -> None:
    poison = notice()
    Email.objects.filter(pk=poison.pk).update(priority=0, context={"changed_at": 7})
    with told(settings) as given:
        for _ in range(delivery.MOST_TRIES + 3):
            other = notice()
            make_due(poison)
            sweep.sweep()
            other.refresh_from_db()
            assert other.state == EmailState.HANDED_OVER
    poison.refresh_from_db()
    assert (poison.state, poison.reason) == (EmailState.FAILED, EmailReason.POISON)
    assert poison.attempt_count == delivery.MOST_TRIES
    assert len(given) == delivery.MOST_TRIES + 3


@pytest.mark.attack(98)
def test_a_mail_that_kills_whoever_takes_it_is_not_tried_for_ever(settings: Any) -> None:
    email = notice()
    with told(settings, raising(SystemExit())) as given:
        for _ in range(delivery.MOST_TRIES + 3):
            with suppress(SystemExit):
                delivery.deliver(email.pk)
            Email.objects.filter(state=EmailState.SENDING).update(lease_until=timezone.now() - timedelta(minutes=1))
            moves.free()
    email.refresh_from_db()
    assert len(given) == delivery.MOST_TRIES
    assert (email.state, email.reason, email.next_try_at) == (EmailState.UNKNOWN, EmailReason.POISON, None)


# Case 99: the head of the line


@pytest.mark.attack(99)
def test_resets_overtake_thousands_of_notices(settings: Any) -> None:
    """Some when they are all queued already, some while they are being sent."""
    context = {"username": "amelie", "changed_at": "2026-11-21T09:00Z"}
    for batch in range(10):
        recipients = [f"reader{batch}.{number}@example.com" for number in range(500)]
        outbox.queue(EmailKind.PASSWORD_CHANGED, recipients, context=context)
    urgent("before")
    stop = Event()

    def then(message: Any) -> None:
        if len(given) == 60:
            urgent("between")
        if len(given) == 400:
            stop.set()

    with told(settings, then, CONNECTIONS=1) as given:
        sweep.work(seconds=60, stop=stop)
    order = [message.to[0].rpartition("@")[2] for message in given]
    assert set(order[:20]) == {"before.example.com"}
    assert order[60:300].count("between.example.com") == 20


def urgent(when: str) -> None:
    outbox.queue(EmailKind.NO_PASSWORD, [f"reader{number}@{when}.example.com" for number in range(20)])


# Case 100: clocks


@pytest.mark.attack(100)
@pytest.mark.parametrize("ahead", [timedelta(minutes=10), -timedelta(minutes=10)])
@pytest.mark.parametrize("left", [timedelta(minutes=5), -timedelta(minutes=5)])
def test_the_databases_clock_decides_whether_a_mail_is_too_late(ahead: timedelta, left: timedelta) -> None:
    email = notice()
    Email.objects.filter(pk=email.pk).update(send_by=timezone.now() + left)
    with time_machine.travel(timezone.now() + ahead):
        state = delivery.deliver(email.pk)
    assert state == (EmailState.HANDED_OVER if left > timedelta() else EmailState.EXPIRED)


@pytest.mark.attack(100)
def test_the_databases_clock_decides_whether_a_link_still_lives(settings: Any) -> None:
    email = held_back(UserFactory.create(), settings)
    make_due(email)
    with time_machine.travel(timezone.now() + timedelta(hours=3)):
        assert delivery.deliver(email.pk) == EmailState.HANDED_OVER


@pytest.mark.attack(100)
@pytest.mark.parametrize("ahead", [timedelta(minutes=10), -timedelta(minutes=10)])
def test_waits_and_leases_are_counted_by_the_databases_clock(ahead: timedelta, settings: Any) -> None:
    email, before = notice(), timezone.now()
    with told(settings, raising(TimeoutError())), time_machine.travel(timezone.now() + ahead):
        delivery.deliver(email.pk)
        assert delivery.drain().tried == 0
    email.refresh_from_db()
    assert email.next_try_at
    assert timedelta(seconds=55) < email.next_try_at - before
    assert email.next_try_at - timezone.now() < timedelta(minutes=3)
