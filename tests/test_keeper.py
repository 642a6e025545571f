"""Real workers without beat: each says that it lives, sweeps when nobody else does, and takes its leave."""

import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from celery.concurrency import prefork
from celery.signals import celeryd_init, worker_process_init, worker_process_shutdown, worker_ready
from django.db import connection
from django.db.models.functions import Now

from example_project import servers
from recovery import bell, heartbeats, tasks
from recovery.models import Email, Heartbeat
from recovery.reasons import EmailState, Part
from tests.conftest import database_url
from tests.following import let_pass, notice

pytestmark = pytest.mark.django_db(transaction=True)

Start = Callable[..., servers.Server]


@pytest.fixture
def start(broker_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts a worker that nobody rings for and no beat drives."""
    started: list[servers.Server] = []

    def one(**environment: str) -> servers.Server:
        mail = {"EMAIL_URL": f"filemail:///{tmp_path}"}
        known = {"DATABASE_URL": database_url(), "REDIS_URL": broker_url, **mail, **environment}
        started.append(servers.celery(known, concurrency=1, beat=False))
        return started[-1]

    yield one
    for server in started:
        server.stop()


def workers() -> list[str]:
    return list(Heartbeat.objects.filter(part=Part.WORKER).values_list("name", flat=True))


def end_by_itself(worker: servers.Server) -> None:
    """TERM, and all the time that it needs: ``stop`` kills what has not ended after a few seconds."""
    assert worker.process
    [celery] = psutil.Process(worker.process.pid).children()
    celery.terminate()
    worker.process.wait(120)


def kill(worker: servers.Server) -> None:
    assert worker.process
    for each in psutil.Process(worker.process.pid).children(recursive=True):
        with contextlib.suppress(ProcessLookupError):  # those of a pool die with the main process
            os.kill(each.pid, signal.SIGKILL)
    worker.process.wait(120)


def has_left(email: Email) -> Callable[[], bool]:
    return lambda: Email.objects.filter(pk=email.pk, state=EmailState.HANDED_OVER).exists()


@pytest.mark.slow
@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
def test_a_worker_sweeps_by_itself_says_that_it_lives_and_takes_its_leave(start: Start, pool: str) -> None:
    email = notice()
    worker = start(CELERY_WORKER_POOL=pool)
    worker.wait_until(has_left(email))
    worker.wait_until(lambda: heartbeats.health().healthy)
    [name] = workers()
    assert name.startswith("worker:recovery-")
    end_by_itself(worker)
    assert workers() == []


def sessions() -> set[int]:
    """Of workers, at the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return {pid for (pid,) in cursor.fetchall()}


@pytest.mark.slow
@pytest.mark.postgresql
@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_worker_keeps_its_connection_from_one_mail_to_the_next(
    start: Start, pool: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", broker_url)
    others, used = sessions(), []
    worker = start(CELERY_WORKER_POOL=pool, DATABASE_URL=f"{database_url()}?conn_max_age=600")
    worker.wait_until(lambda: heartbeats.health().healthy)  # its keeper has nothing more to do for a while
    for _ in range(2):
        email = notice()
        bell.ring("recovery.send_email", email.pk)
        worker.wait_until(has_left(email))
        used.append(sessions() - others)
    assert used[0] & used[1]


@pytest.mark.slow
@pytest.mark.postgresql
def test_a_connection_that_the_server_cut_costs_no_ring(
    start: Start, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", broker_url)
    others, kept = sessions(), set[int]()
    worker = start(DATABASE_URL=f"{database_url()}?conn_max_age=600")
    worker.wait_until(lambda: heartbeats.health().healthy)

    def rests_after(rings: int) -> bool:
        """Its tasks have ended and keep one connection; the keeper, who closes its own after each look, has none."""
        kept.clear()
        kept.update(sessions() - others)
        return worker.log.count("succeeded in") == rings and len(kept) == 1

    for ring in (1, 2):
        email = notice()
        bell.ring("recovery.send_email", email.pk)
        worker.wait_until(partial(rests_after, ring))
        assert has_left(email)()
        assert email.pk in Email.objects.filter(attempt_count=1).values_list("pk", flat=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", [list(kept)])
    assert "OperationalError" not in worker.log


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGQUIT, signal.SIGTERM], ids=["cold", "warm"])
def test_what_is_being_sent_is_noted_before_a_worker_ends(
    start: Start, end: signal.Signals, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its provider has the mail and takes its time to say so."""
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", broker_url)
    with socket.create_server(("127.0.0.1", 0)) as provider:
        provider.settimeout(60)
        worker = start(
            DJANGO_SETTINGS_MODULE="tests.crashes.settings",
            CRASHES_ROUTES=json.dumps([{"NAME": "slow", "BACKEND": "tests.backends.AnswersOnceTold"}]),
            TESTS_PORT=str(provider.getsockname()[1]),
        )
        worker.wait_until(lambda: heartbeats.health().healthy)
        email = notice()
        bell.ring("recovery.send_email", email.pk)
        has_it, _ = provider.accept()
        assert worker.process
        [celery] = psutil.Process(worker.process.pid).children()
        celery.send_signal(end)
        has_it.close()
        worker.process.wait(120)
    email.refresh_from_db()
    assert (email.state, email.attempt_count) == (EmailState.HANDED_OVER, 1)


@pytest.mark.slow
def test_a_killed_worker_leaves_its_sign_of_life_behind_and_health_turns_red(start: Start) -> None:
    worker = start()
    worker.wait_until(lambda: bool(workers()))
    kill(worker)
    [name] = workers()
    let_pass(timedelta(minutes=2))
    heartbeats.beat(Part.SWEEP)
    [sick] = [part for part in heartbeats.health().parts if not part.healthy]
    assert f"{sick.part}:{sick.name}" == name


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[tasks.Keeper]:
    """In this process, and in a hurry."""
    monkeypatch.setattr(tasks, "ROUND", 0.01)
    own = tasks.Keeper("celery@here")
    yield own
    if own.is_alive():
        own.stop()


def wait_until(is_so: Callable[[], bool], keeper: tasks.Keeper) -> None:
    """Asks the database until it is so; a keeper that ends first never will."""
    while not is_so():
        assert keeper.is_alive()
        keeper.join(0.01)


def test_while_somebody_else_sweeps_a_keeper_only_says_that_its_worker_lives(keeper: tasks.Keeper) -> None:
    heartbeats.beat(Part.SWEEP)
    last = Heartbeat.objects.filter(part=Part.SWEEP)
    last.update(beat_at=Now() + timedelta(hours=1))  # however long this test takes
    email = notice()
    keeper.start()
    wait_until(lambda: workers() == ["worker:celery@here"], keeper)
    let_pass(timedelta(seconds=15))
    wait_until(lambda: not heartbeats.silent(Part.WORKER, longer_than=timedelta(seconds=10)), keeper)
    assert not has_left(email)()
    last.update(beat_at=Now() - timedelta(seconds=31))
    wait_until(has_left(email), keeper)


def test_a_keeper_whose_database_fails_tries_again(keeper: tasks.Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bool] = []

    def fails_twice(*args: Any, **kwargs: Any) -> bool:
        looked.append(True)
        if len(looked) < 3:
            raise ZeroDivisionError
        return False

    monkeypatch.setattr(heartbeats, "silent", fails_twice)
    keeper.start()
    wait_until(lambda: len(looked) > 3, keeper)


def test_a_process_has_one_keeper_whatever_it_is_told_and_lets_it_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery says "process" in pools that fork and in solo ones, "ready" in all of them."""
    monkeypatch.setattr(tasks._Process, "keeper", None)
    heartbeats.beat(Part.SWEEP)
    celeryd_init.send(sender="celery@here")
    worker_process_init.send(sender=None)
    first = tasks._Process.keeper
    worker_ready.send(sender=None)
    assert first is not None
    assert tasks._Process.keeper is first
    wait_until(lambda: workers() == ["worker:celery@here"], first)
    worker_process_shutdown.send(sender=None, pid=os.getpid(), exitcode=0)
    assert not first.is_alive()


def test_a_worker_that_forks_its_processes_has_no_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that the thread held at the fork would be held in the child for good."""
    monkeypatch.setattr(tasks._Process, "keeper", None)
    consumer = type("Consumer", (), {"pool": prefork.TaskPool.__new__(prefork.TaskPool), "hostname": "celery@here"})
    worker_ready.send(sender=consumer())
    assert tasks._Process.keeper is None
