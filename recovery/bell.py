"""The only sender to Celery: wakes a worker with a task's name, and ids where one mail is urgent. Losing a ring is
harmless.

Rows are the truth and the sweep finds them; a ring only makes it seconds instead of a sweep's interval. So
a page never waits for the broker: a thread of the process rings, at once, and then at most every hundred
milliseconds; what comes meanwhile travels in one message. A broker that is dead or hangs gets connections of
our own with short timeouts, no retries, and after a failure silence for five seconds. Timeouts of each answer
are those of Redis, Sentinel and AMQP; other brokers get one for connecting, and hold up the thread alone.

A ring without an id says that there is work, and whoever hears it takes the most urgent first. A thousand of them
say no more than one, so they are soon over, and on Redis, which ranks without any setting, they stand behind others.
"""

import atexit
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import Any, Final
from uuid import UUID

from celery import Celery, signature
from celery.app import app_or_default
from celery.utils import uuid
from django.db import transaction
from kombu import Connection, pools
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

PATIENCE: Final = 0.5  # seconds
SILENCE: Final = 5.0  # seconds
PAUSE: Final = 0.1  # seconds
MOST_AT_ONCE: Final = 100  # ids in one message: one worker decides them one after the other
MOST_WAITING: Final = 1000  # past this, what comes is left to the sweep

BRIEF: Final = 2  # seconds that a ring without an id is worth hearing; the next, or the sweep, says the same
LAST: Final = 9  # the rank that kombu's Redis transport serves last; other brokers serve it first, or know none

Ring = tuple[Celery, str, str | None]
_silent_until = 0.0


def ring(task: str, pk: UUID | None = None, *, using: str | None = None) -> None:
    """Wake a worker after the running transaction commits; at once if there is none. Never raises, never waits.

    Without ``pk`` it only says that there is work: for what need not overtake anything.
    """
    ring_each(task, [pk], using=using)


def ring_each(task: str, pks: Sequence[UUID | None], *, using: str | None = None) -> None:
    """As ``ring``, for each of many."""
    if not pks:
        return
    keys = [str(pk) if pk else None for pk in pks]
    if transaction.get_connection(using).in_atomic_block:
        transaction.on_commit(partial(_ring, task, keys), using=using, robust=True)
    else:
        _ring(task, keys)


def settle(seconds: float = PATIENCE) -> bool:
    """Wait until all that was rung for has left or was given up; False if that takes longer."""
    return _ringer().settle(seconds)


def is_heard() -> bool:
    """Whether the broker took the last ring of this process; settle first."""
    return time.monotonic() >= _silent_until


class Ringer(threading.Thread):
    """Rings for its process. A forked process has its own."""

    def __init__(self) -> None:
        super().__init__(name="recovery-bell", daemon=True)
        self.rings: SimpleQueue[Ring | threading.Event] = SimpleQueue()
        self.told_until = 0.0

    def take(self, ring: Ring) -> None:
        """Ring as soon as possible. Past MOST_WAITING it is left to the sweep, which is said once per silence."""
        if self.rings.qsize() < MOST_WAITING:
            self.rings.put(ring)
        elif time.monotonic() >= self.told_until:
            self.told_until = time.monotonic() + SILENCE
            logger.warning("bell: %s rings are waiting, %s and the next wait for the sweep", MOST_WAITING, ring[1])

    def settle(self, seconds: float = PATIENCE) -> bool:
        done = threading.Event()
        self.rings.put(done)
        return self.is_alive() and done.wait(seconds)

    def run(self) -> None:
        while True:
            waiting = self._next()
            rings = [each for each in waiting if not isinstance(each, threading.Event)]
            for (app, task), of_task in groupby(sorted(rings, key=lambda each: each[1]), key=lambda each: each[:2]):
                _send_together(app, task, [pk for _, _, pk in of_task])
            for each in waiting:
                if isinstance(each, threading.Event):
                    each.set()
            if rings:
                time.sleep(PAUSE)  # what is rung meanwhile goes in one message

    def _next(self) -> list[Ring | threading.Event]:
        """Wait for one, and take what came with it."""
        waiting = [self.rings.get()]
        try:
            while len(waiting) < MOST_AT_ONCE:
                waiting.append(self.rings.get_nowait())
        except Empty:
            pass
        return waiting


@lru_cache(maxsize=1)
def _ringer() -> Ringer:
    ringer = Ringer()
    ringer.start()
    atexit.register(ringer.settle)
    return ringer


os.register_at_fork(after_in_child=_ringer.cache_clear)


def _ring(task: str, pks: Sequence[str | None]) -> None:
    try:
        app = app_or_default()
        if app.conf.task_always_eager:
            for pk in pks:
                signature(task, args=(pk,) if pk else ()).apply_async()
        else:
            ringer = _ringer()
            for pk in pks:
                ringer.take((app, task, pk))
    except Exception as error:  # noqa: BLE001 - whatever Celery does, the caller's answer stands
        logger.warning("bell: could not ring (%s), %s waits for the sweep", type(error).__name__, task)


def _send_together(app: Celery, task: str, pks: list[str | None]) -> None:
    """One message with all ids, one for all rings without; the urgent first."""
    if named := [pk for pk in pks if pk]:
        _send(app, task, named)
    if None in pks:
        _send(app, task, [])


def _send(app: Celery, task: str, pks: list[str]) -> None:
    global _silent_until  # noqa: PLW0603 - one breaker per process
    if time.monotonic() < _silent_until:
        return
    try:
        route = app.amqp.router.route({}, task, tuple(pks), {})
        brief = {} if pks else {"expires": BRIEF}
        message = app.amqp.create_task_message(uuid(), task, pks, {}, ignore_result=True, **brief)
        with _producers(app, app.conf.broker_write_url, os.getpid()).acquire(block=True, timeout=PATIENCE) as producer:
            connection = producer.connection
            if not pks and connection is not None and connection.transport.driver_type == "redis":
                route["priority"] = LAST
            app.amqp.send_task_message(producer, task, message, retry=False, **route)
    except Exception as error:  # noqa: BLE001 - whatever a broker does, the next ring is tried
        _silent_until = time.monotonic() + SILENCE
        logger.warning("bell: broker is silent (%s), %s waits for the sweep", type(error).__name__, task)


@lru_cache(maxsize=1)
def _producers(app: Celery, broker_url: str, process: int) -> pools.ProducerPool:
    """One connection for the app and its broker; a forked process makes its own and shares no socket."""
    return pools.ProducerPool(_connection(app).Pool(limit=1), limit=1)


def _connection(app: Celery) -> Connection:
    """The app's broker with our timeouts; the host's own connections keep theirs."""
    connection = app.connection_for_write()
    given = connection.transport_options or {}
    options: dict[str, Any] = {
        **given,
        **_answer_within(str(connection.transport_cls), given),
        "max_retries": 0,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
        "connect_retries_timeout": PATIENCE,
    }
    return connection.clone(connect_timeout=PATIENCE, transport_options=options)


def _answer_within(transport: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """How each client calls the time that an answer may take."""
    if transport.startswith(("amqp", "pyamqp")):
        return {"read_timeout": PATIENCE, "write_timeout": PATIENCE}
    if not transport.startswith(("redis", "sentinel")):
        return {}
    sockets = {"socket_connect_timeout": PATIENCE, "socket_timeout": PATIENCE}
    # Left to itself, the client asks each silent sentinel four times, seconds apart.
    of_sentinel = {**(given.get("sentinel_kwargs") or {}), **sockets, "retry": Retry(NoBackoff(), 0)}
    return {**sockets, "retry_on_timeout": False, "sentinel_kwargs": of_sentinel}
