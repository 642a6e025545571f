"""Case 88: however many workers, sweeps and rings there are at once, each mail is claimed by one and leaves once."""

from typing import Any

import pytest

from recovery import delivery, outbox, sweep, tasks
from recovery.models import Email, EmailEvent, moves
from recovery.reasons import EmailKind, EmailState, EventKind
from tests.together import at_once
from tests.ways_out import told

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(88)]

MAILS = 60


def queued() -> list[Email]:
    context = {"username": "amelie", "changed_at": "2026-11-21T09:00Z"}
    return outbox.queue(EmailKind.PASSWORD_CHANGED, [f"reader{n}@example.com" for n in range(MAILS)], context=context)


def each_left_once(given: list[Any]) -> None:
    assert sorted(message.to[0] for message in given) == sorted(Email.objects.values_list("recipient", flat=True))
    assert set(Email.objects.values_list("state", "attempt_count")) == {(EmailState.HANDED_OVER, 1)}
    assert EmailEvent.objects.exclude(claimed_at=None).count() == EmailEvent.objects.count() == MAILS
    assert EmailEvent.objects.filter(kind=EventKind.HANDED_OVER).count() == MAILS


def test_drains_at_once_share_the_mail(settings: Any) -> None:
    queued()
    with told(settings, CONNECTIONS=2) as given:
        at_once(*[delivery.drain] * 4)
    each_left_once(given)


def test_two_beats_three_sweeps_and_tasks_that_come_ten_times_send_each_mail_once(settings: Any) -> None:
    """Of all that can wake a worker, several at once."""
    emails = [str(email.pk) for email in queued()]
    beats = [lambda: tasks.sweep(by="beat")] * 2
    sweeps = [sweep.sweep] * 3
    rings = [tasks.send_email] * 2
    named = [lambda: [tasks.send_email(*emails[:5]) for _ in range(10)]]
    with told(settings, CONNECTIONS=2) as given:
        at_once(*beats, *sweeps, *rings, *named)
        delivery.drain()  # what they had no time for, if the machine was busy
    each_left_once(given)


def test_mail_of_a_dead_worker_is_freed_by_one_of_many_sweeps(settings: Any) -> None:
    queued()
    Email.objects.update(state=EmailState.SENDING, lease_until="2026-01-01T00:00Z")
    freed = [key for keys in at_once(*[moves.free] * 4) for key in keys]
    assert len(freed) == len(set(freed)) == MAILS
    assert EmailEvent.objects.filter(kind=EventKind.FREED).count() == MAILS
    assert set(Email.objects.values_list("state", "doubt_count")) == {(EmailState.UNKNOWN, 1)}
