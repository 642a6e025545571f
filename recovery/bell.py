"""The only sender to Celery: wakes a worker with a task's name and an id. Losing a ring is harmless.

Rows are the truth and the sweep finds them; a ring only makes it seconds instead of a sweep's interval. So
a broker that is dead or hangs must cost the caller next to nothing: connections of our own with timeouts of
50 ms, no retries, and after a failure silence for five seconds. One that is well costs a quarter of a
millisecond: the message goes straight to the app's ``amqp``, over a pool that is made once.
"""

import logging
import os
import time
from functools import lru_cache, partial
from typing import Any, Final
from uuid import UUID

from celery import Celery, signature
from celery.app import app_or_default
from celery.utils import uuid
from django.db import transaction
from kombu import Connection, pools
from kombu.exceptions import LimitExceeded

logger = logging.getLogger(__name__)

PATIENCE: Final = 0.05  # seconds
SILENCE: Final = 5.0  # seconds
_silent_until = 0.0


def ring(task: str, pk: UUID, *, using: str | None = None) -> None:
    """Wake a worker after the running transaction commits; at once if there is none. Never raises."""
    transaction.on_commit(partial(_ring, task, str(pk)), using=using, robust=True)


def _ring(task: str, pk: str) -> None:
    global _silent_until  # noqa: PLW0603 - one breaker per process
    if time.monotonic() < _silent_until:
        return
    try:
        _publish(task, pk)
    except LimitExceeded:
        logger.warning("bell: all connections are busy, %s waits for the sweep", task)
    except Exception as error:  # noqa: BLE001 - whatever a broker does, the caller's answer stands
        _silent_until = time.monotonic() + SILENCE
        logger.warning("bell: broker is silent (%s), %s waits for the sweep", type(error).__name__, task)


def _publish(task: str, pk: str) -> None:
    app = app_or_default()
    if app.conf.task_always_eager:
        signature(task, args=(pk,)).apply_async()
        return
    route = app.amqp.router.route({}, task, (pk,), {})
    message = app.amqp.create_task_message(uuid(), task, (pk,), {}, ignore_result=True)
    with _producers(app, app.conf.broker_write_url, os.getpid()).acquire(block=True, timeout=PATIENCE) as producer:
        app.amqp.send_task_message(producer, task, message, retry=False, **route)


@lru_cache(maxsize=1)
def _producers(app: Celery, broker_url: str, process: int) -> pools.ProducerPool:
    """One pool for the app and its broker; a forked process makes its own and shares no socket."""
    connections = _connection(app).Pool(limit=pools.get_limit())
    return pools.ProducerPool(connections, limit=connections.limit)


def _connection(app: Celery) -> Connection:
    """The app's broker with our timeouts; the host's own connections keep theirs."""
    connection = app.connection_for_write()
    if connection.transport_cls not in ("redis", "rediss", "valkey"):
        return connection
    options: dict[str, Any] = {
        **(connection.transport_options or {}),
        "socket_connect_timeout": PATIENCE,
        "socket_timeout": PATIENCE,
        "retry_on_timeout": False,
        "max_retries": 0,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
        "connect_retries_timeout": PATIENCE,
    }
    return connection.clone(connect_timeout=PATIENCE, transport_options=options)
