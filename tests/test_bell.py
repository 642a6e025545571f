"""Waking workers: a dead, a hanging and a busy broker cost the asker nothing, and no mail gets lost."""

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis
from celery import current_app
from django.core import mail
from django.db import transaction
from django.utils import timezone

from recovery import bell, tasks
from recovery.models import Email, ResetRequest, RouteState
from recovery.reasons import EmailState, Outcome
from recovery.sweep import sweep
from tests.asking import ask, asked, browser, links, recipients, seen
from tests.brokers import MuteBroker
from tests.factories import UserFactory
from tests.following import everything_is_due, notice, notices
from tests.ways_out import told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh_bell(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No silence left over from an earlier test, and no connection."""
    monkeypatch.setattr(bell, "_silent_until", 0.0)
    bell._producers.cache_clear()
    yield
    bell.settle(60)
    bell._producers.cache_clear()


@pytest.fixture
def mute(monkeypatch: pytest.MonkeyPatch) -> Iterator[MuteBroker]:
    broker = MuteBroker()
    monkeypatch.setattr(bell, "PATIENCE", 0.5)
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", broker.url)
    yield broker
    broker.close()


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", f"redis://127.0.0.1:{port}/0")


@pytest.fixture
def queue(broker_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What waits in the real broker, at which no worker listens. It has time to answer."""
    monkeypatch.setattr(bell, "PATIENCE", 20.0)
    client = redis.Redis.from_url(broker_url)
    assert bell.settle(60)  # of what was asked before
    client.flushdb()
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", broker_url)
    yield client
    client.flushdb()


LAST = f"celery\x06\x16{bell.LAST}"  # the list that a worker reads when the other is empty


def rung(queue: Any, name: str = "celery") -> int:
    """How many messages wait in the broker, once the bell has rung for all that it was asked to."""
    assert bell.settle(60)
    return int(queue.llen(name))


@pytest.mark.attack(81)
@pytest.mark.parametrize("broker", ["refusing", "mute"])
def test_with_a_dead_broker_the_page_answers_as_always_and_the_sweep_sends_the_mail(
    request: pytest.FixtureRequest, queue: Any, broker: str
) -> None:
    user = UserFactory.create()
    usual = seen(ask(browser(), "nobody@example.com"))
    assert rung(queue) == 1
    request.getfixturevalue(broker)
    assert seen(ask(browser(), user.email)) == usual
    assert rung(queue) == 1
    everything_is_due()
    sweep()
    assert recipients() == [user.email]
    assert links(mail.outbox[0])
    sweep()
    assert len(mail.outbox) == 1


def test_a_ring_reaches_the_broker_after_the_commit_with_nothing_but_an_id(queue: Any) -> None:
    request = ResetRequest.objects.create(identifier="ada@example.com")
    with transaction.atomic():
        bell.ring("recovery.fulfil_reset", request.pk)
        assert rung(queue) == 0
    assert rung(queue) == 1
    [message] = queue.lrange("celery", 0, -1)
    assert str(request.pk).encode() in message
    assert b"ada@example.com" not in message


def test_what_is_rolled_back_is_never_rung_for(queue: Any) -> None:
    request = ResetRequest.objects.create(identifier="ada@example.com")
    with transaction.atomic():
        bell.ring("recovery.fulfil_reset", request.pk)
        transaction.set_rollback(True)
    assert rung(queue) == 0


def test_after_one_failure_the_broker_is_left_alone_until_the_silence_is_over(
    mute: MuteBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "SILENCE", 600.0)  # longer than this test takes
    for number in range(5):
        assert ask(browser(), f"somebody{number}@example.com").status_code == 302
    assert bell.settle(60)
    assert mute.count == 1
    # The silence is a moment of the process's clock; so much later is so much less of it.
    monkeypatch.setattr(bell, "_silent_until", bell._silent_until - bell.SILENCE)
    for number in range(5):
        ask(browser(), f"somebody{number}@example.com")
    assert bell.settle(60)
    assert mute.count == 2
    assert ResetRequest.objects.filter(outcome=Outcome.RECEIVED).count() == 10


def test_a_broker_that_comes_back_is_rung_again_after_the_silence(
    queue: Any, refusing: None, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "SILENCE", 600.0)  # longer than this test takes
    ask(browser(), "ada@example.com")
    assert bell.settle(60)
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", broker_url)
    ask(browser(), "ada@example.com")
    assert rung(queue) == 0
    monkeypatch.setattr(bell, "_silent_until", bell._silent_until - bell.SILENCE)
    ask(browser(), "ada@example.com")
    assert rung(queue) == 1


def test_what_is_rung_for_together_travels_in_one_message(queue: Any) -> None:
    """The first ring leaves at once; those of the tenth of a second after it go together, each of them once."""
    keys = [uuid4() for _ in range(100)]
    for key in keys:
        bell.ring("recovery.fulfil_reset", key)
    assert 100 / bell.MOST_AT_ONCE <= rung(queue) < 100
    messages = [json.loads(message) for message in queue.lrange("celery", 0, -1)]
    ids = [pk for message in reversed(messages) for pk in json.loads(base64.b64decode(message["body"]))[0]]
    assert ids == [str(key) for key in keys]


def test_a_thousand_rings_without_an_id_are_a_few_short_lived_messages_behind_all_others(queue: Any) -> None:
    began, key = time.monotonic(), uuid4()
    for _ in range(1000):
        bell.ring("recovery.send_email")
    bell.ring("recovery.send_email", key)
    pauses = (time.monotonic() - began) / bell.PAUSE  # what came within one travels together
    assert 1 <= rung(queue, LAST) <= 1001 / bell.MOST_AT_ONCE + pauses + 1
    assert rung(queue) == 1
    for message in map(json.loads, queue.lrange(LAST, 0, -1)):
        assert json.loads(base64.b64decode(message["body"]))[0] == []
        lives_until = datetime.fromisoformat(message["headers"]["expires"])
        assert lives_until <= timezone.now() + timedelta(seconds=bell.BRIEF)
    with current_app.connection_for_read() as connection, connection.SimpleQueue("celery") as waiting:
        first = waiting.get_nowait()
        first.ack()
        assert first.payload[0] == [str(key)], "the one with an id is heard first, though it was rung last"


def test_a_ring_without_an_id_waits_for_the_commit_too(queue: Any) -> None:
    with transaction.atomic():
        bell.ring("recovery.send_email")
        assert rung(queue, LAST) == 0
        transaction.set_rollback(True)
    assert rung(queue, LAST) == 0


def test_whoever_hears_it_sends_what_is_due_and_rings_again_while_mail_is_left(
    queue: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices(3)
    tasks.send_email()
    assert len(mail.outbox) == 3
    assert rung(queue, LAST) == 0
    notices(100)
    clock = time.monotonic

    def then(message: Any) -> None:
        if len(given) == 10:
            monkeypatch.setattr(time, "monotonic", lambda: clock() + 60)  # the slice is over

    with told(settings, then, CONNECTIONS=1) as given:
        tasks.send_email()
    assert 10 <= len(given) < 100
    assert rung(queue, LAST) == 1


def test_whoever_can_send_nothing_does_not_ring_for_ever(queue: Any) -> None:
    notice()
    RouteState.objects.create(name="default", switched_off=True)
    tasks.send_email()
    assert rung(queue, LAST) == 0
    assert Email.objects.get().state == EmailState.QUEUED


def test_of_several_that_travel_together_one_that_fails_delays_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    user = UserFactory.create()
    ask(browser(), user.email)
    with pytest.raises(ValueError, match="badly formed"):
        tasks.fulfil_reset("no key at all", str(asked().pk))
    assert recipients() == [user.email]


@pytest.mark.attack(81)
def test_a_broker_that_hangs_makes_no_page_wait(mute: MuteBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "PATIENCE", 30.0)
    for number in range(3):
        assert ask(browser(), f"somebody{number}@example.com").status_code == 302
    assert not bell.settle(0), "the broker still hangs"
    mute.close()
    assert bell.settle(60)


@pytest.mark.parametrize("kind", ["amqp", "sentinel", "redis"])
def test_a_hanging_broker_of_any_kind_is_given_up_by_our_own_patience(
    mute: MuteBroker, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", mute.url.replace("redis", kind))
    monkeypatch.setitem(current_app.conf.changes, "broker_transport_options", {"master_name": "recovery"})
    monkeypatch.setitem(current_app.conf.changes, "broker_connection_timeout", 600)
    bell.ring("recovery.fulfil_reset", uuid4())
    assert bell.settle(60), "Celery's own patience is ten minutes here"
    assert mute.count == 1, "nobody is asked again"


def test_rings_that_find_the_queue_full_are_left_to_the_sweep_and_that_is_said_once(
    mute: MuteBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bell, "PATIENCE", 30.0)
    for _ in range(bell.MOST_WAITING + 2 * bell.MOST_AT_ONCE):
        bell.ring("recovery.fulfil_reset", uuid4())
    assert ["are waiting" in told for told in caplog.messages] == [True]
    mute.close()
    assert bell.settle(60)


def test_a_forked_process_rings_by_itself(queue: Any) -> None:
    """As gunicorn's workers are, which may be forked after the site was loaded and rang."""
    bell.ring("recovery.fulfil_reset", uuid4())
    assert rung(queue) == 1
    if not (child := os.fork()):
        bell.ring("recovery.fulfil_reset", uuid4())
        os._exit(0 if bell.settle(60) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert rung(queue) == 2


def test_a_process_that_ends_right_after_its_rings_has_rung(queue: Any) -> None:
    """A command, or a web worker that is recycled: what waits for the pause to end leaves before the process does."""
    script = (
        "import django; django.setup(); from uuid import uuid4; from example_project import celery;"
        "from recovery import bell; bell.PATIENCE, bell.Ringer.settle.__defaults__ = 20.0, (60.0,);"
        "[bell.ring('recovery.fulfil_reset', uuid4()) for _ in range(20)]"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    messages = [json.loads(message) for message in queue.lrange("celery", 0, -1)]
    assert sum(len(json.loads(base64.b64decode(message["body"]))[0]) for message in messages) == 20


def test_the_hosts_own_connections_keep_their_own_patience(queue: Any) -> None:
    ask(browser(), "ada@example.com")
    own = current_app.connection_for_write()
    assert "socket_timeout" not in (own.transport_options or {})
    assert own.connect_timeout != bell.PATIENCE
