"""Many mails at once: several connections, the urgent first, every outcome committed, and an end when it is told to."""

import threading
import time
from typing import Any

import pytest
from django.core import mail
from django.db import connections
from django.utils import timezone

from recovery import delivery, resets, sweep
from recovery.delivery.pace import Pace
from recovery.models import Email, EmailEvent, moves
from recovery.reasons import EmailState, EventKind
from recovery.routes import circuits
from tests.asking import ask, asked, browser, statements
from tests.factories import UserFactory
from tests.following import let_pass, notice, notices, story
from tests.ways_out import LOCMEM, forget_trouble, raising, routes, told

pytestmark = pytest.mark.django_db(transaction=True)


def states() -> set[str]:
    return set(Email.objects.values_list("state", flat=True))


def test_a_drain_sends_everything_once_and_writes_each_step_down(settings: Any) -> None:
    notices(150)
    with told(settings) as given:
        assert delivery.drain() == delivery.Drained(tried=150, left=False)
    assert len({message.to[0] for message in given}) == len(given) == 150
    assert states() == {EmailState.HANDED_OVER}
    steps = EmailEvent.objects.values_list("kind", flat=True)
    assert list(steps) == [EventKind.HANDED_OVER] * 150
    assert not EmailEvent.objects.filter(claimed_at=None).exists()
    assert not Email.objects.exclude(lease_owner=None, lease_until=None).exists()


def test_as_many_mails_are_under_way_at_once_as_the_route_has_connections(settings: Any) -> None:
    notices(8)
    together = threading.Barrier(4)
    with told(settings, lambda message: together.wait(timeout=60), CONNECTIONS=4):
        assert delivery.drain().tried == 8
    assert states() == {EmailState.HANDED_OVER}


def test_with_one_connection_each_mail_is_noted_before_the_next_one_leaves(settings: Any) -> None:
    notices(20)
    unnoted: list[int] = []

    def look(message: Any) -> None:
        noted = Email.objects.filter(state=EmailState.HANDED_OVER).count()
        unnoted.append(len(given) - 1 - noted)

    with told(settings, look, CONNECTIONS=1) as given:
        delivery.drain()
    assert unnoted == [0] * 20


def test_never_are_more_mails_sent_and_not_noted_than_there_are_connections(settings: Any) -> None:
    """Also when they leave so fast that no thread is used."""
    notices(100)
    most = 0

    def look(message: Any) -> None:
        nonlocal most
        sent = len(given)  # before the notes are counted: others send and note meanwhile
        most = max(most, sent - EmailEvent.objects.filter(kind=EventKind.HANDED_OVER).count())

    with told(settings, look, CONNECTIONS=3) as given:
        delivery.drain()
    assert 1 <= most <= 3


def test_the_claim_is_committed_before_the_mail_leaves(settings: Any) -> None:
    """What another connection sees while the provider is being spoken to."""
    email, seen = notice(), []

    def look() -> None:
        row = Email.objects.get(pk=email.pk)
        seen.append((row.state, row.attempt_count, row.lease_until is not None))
        connections.close_all()

    def then(message: Any) -> None:
        other = threading.Thread(target=look)
        other.start()
        other.join(60)

    with told(settings, then):
        delivery.deliver(email.pk)
    assert seen == [(EmailState.SENDING, 1, True)]


def test_a_batch_costs_a_few_statements_and_commits_however_many_mails_it_has(settings: Any) -> None:
    """Once it is known how fast they leave; the first of them may come back one by one."""
    notices(300)
    with told(settings, CONNECTIONS=20), statements() as found:
        delivery.drain()
    assert len(found.texts) / 300 < 2.5
    assert found.commits / 300 < 0.3


def test_what_is_more_urgent_overtakes_what_was_queued_before(settings: Any) -> None:
    """While notices are being sent, somebody asks and another worker decides: the reset leaves before the rest."""
    notices(400)
    user = UserFactory.create()

    def then(message: Any) -> None:
        if len(given) == 30:
            ask(browser(), user.email)
            resets.decide(asked().pk)

    with told(settings, then, CONNECTIONS=1) as given:
        sweep.work(seconds=60)
    place = [message.to[0] for message in given].index(user.email)
    assert 30 <= place < 300


def test_a_drain_ends_when_its_time_is_up_and_says_that_mail_is_left(settings: Any) -> None:
    notices(50)
    with told(settings, CONNECTIONS=1):
        assert delivery.drain(seconds=0) == delivery.Drained(tried=0, left=True)
    assert Email.objects.filter(attempt_count=0).count() == 50


def test_whoever_is_told_to_stop_gives_back_what_is_not_under_way(settings: Any) -> None:
    notices(50)
    stop = threading.Event()

    def then(message: Any) -> None:
        if len(given) == 20:
            stop.set()

    with told(settings, then, CONNECTIONS=1) as given:
        drained = delivery.drain(stop=stop)
    assert drained == delivery.Drained(tried=20, left=True)
    assert Email.objects.filter(state=EmailState.HANDED_OVER).count() == len(given) == 20
    waiting = Email.objects.exclude(state=EmailState.HANDED_OVER)
    assert set(waiting.values_list("attempt_count", "strike_count", "lease_owner")) == {(0, 0, None)}
    assert delivery.drain().tried == 30


def test_a_mail_of_another_drain_is_never_taken(settings: Any) -> None:
    """One runs while the other one sends its first mail."""
    notices(30)
    inner: list[delivery.Drained] = []

    def then(message: Any) -> None:
        if len(given) == 1:
            inner.append(delivery.drain())

    with told(settings, then, CONNECTIONS=1) as given:
        outer = delivery.drain()
    assert (len(given), outer.tried + inner[0].tried) == (30, 30)
    assert set(Email.objects.values_list("attempt_count", flat=True)) == {1}


def test_several_mails_are_delivered_by_name_and_no_others(settings: Any) -> None:
    emails = notices(9)
    with told(settings, CONNECTIONS=3) as given:
        answered = delivery.deliver_each([email.pk for email in emails[:5]])
    assert answered == dict.fromkeys([email.pk for email in emails[:5]], EmailState.HANDED_OVER)
    assert len(given) == 5
    assert delivery.deliver_each([]) == {}


def test_an_outage_costs_a_handful_of_calls_and_no_mail(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuits, "FIRST_PAUSE", 60.0)  # longer than this test takes: no trial is due in it
    notices(200)
    with told(settings, raising(ConnectionRefusedError()), CONNECTIONS=4) as given:
        for _ in range(5):
            delivery.drain()
    assert len(given) <= 3 + 4
    assert Email.objects.filter(state=EmailState.QUEUED, attempt_count=0).count() >= 200 - 7
    forget_trouble()
    Email.objects.update(next_try_at=timezone.now())
    assert delivery.drain().tried == 200


def test_mail_of_a_dead_worker_is_freed_and_leaves_in_the_same_sweep(settings: Any) -> None:
    email = notice()
    Email.objects.filter(pk=email.pk).update(
        state=EmailState.SENDING, attempt_count=1, strike_count=1, lease_until=timezone.now()
    )
    let_pass(delivery.LEASE)
    with told(settings) as given:
        swept = sweep.sweep()
    email.refresh_from_db()
    assert (swept.freed, swept.tried, len(given)) == (1, 1, 1)
    assert (email.state, email.attempt_count, email.doubt_count) == (EmailState.HANDED_OVER, 2, 0)
    assert story(email) == ["queued", "freed", "sending", "handed_over"]


def test_mail_that_came_too_late_is_ended_without_a_claim_each(settings: Any) -> None:
    notices(300)
    let_pass(delivery.LEASE + (Email.objects.first() or notice()).send_by - timezone.now())
    swept = sweep.sweep()
    assert (swept.late, swept.tried, mail.outbox) == (300, 0, [])
    assert states() == {EmailState.EXPIRED}
    assert moves.expire_late() == []


def test_a_mail_whose_lease_could_end_while_its_provider_is_spoken_to_is_given_back(
    settings: Any, monkeypatch: Any
) -> None:
    """A minute passes over one mail; those that were claimed with it have half a minute of their lease left."""
    notices(30)
    clock, late = time.monotonic, []

    def then(message: Any) -> None:
        if len(given) == 20:
            monkeypatch.setattr(time, "monotonic", lambda: clock() + 60)
        if len(given) == 21:
            late.extend(EmailEvent.objects.filter(kind=EventKind.DEFERRED).values_list("email", flat=True))

    with told(settings, then, CONNECTIONS=1) as given:
        delivery.drain()
    assert late  # claimed before, and given back before anything was sent after that minute
    assert len(given) == 30
    assert set(Email.objects.values_list("state", "attempt_count")) == {(EmailState.HANDED_OVER, 1)}


def test_two_routes_of_different_width_share_the_work_of_a_failover(settings: Any) -> None:
    notices(30)
    with told(settings, raising(ConnectionRefusedError()), CONNECTIONS=6):
        [first] = settings.RECOVERY["ROUTES"]
        with routes(settings, first, {"NAME": "spare", "BACKEND": LOCMEM, "CONNECTIONS": 2}):
            delivery.drain()
    assert len(mail.outbox) == 30
    assert set(Email.objects.values_list("state", "route", "attempt_count")) == {(EmailState.HANDED_OVER, "spare", 1)}


def test_claims_reach_a_quarter_of_a_second_ahead() -> None:
    pace = Pace()
    assert pace.ahead(8) == 0
    for seconds, ahead in ((0.05, 40), (20.0, 0), (0.0001, 100)):
        for _ in range(8):
            pace.learn(seconds)
        assert pace.ahead(8) == ahead
    assert pace.is_quick
    pace.learn(20.0)
    assert not pace.is_quick
