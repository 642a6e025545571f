"""Celery's door. Arguments are ids, of what was rung for together; whoever rings may ring twice, late or never.

And the keeper: a thread of each worker process that says that the worker lives, and sweeps when nobody else has. So
workers go on while beat is dead, and while the broker is.

Tasks work in threads of our own, whose database connections live as long as CONN_MAX_AGE says. Celery closes those of
its own threads around every task, and a new one takes PostgreSQL longer than all that a mail needs.
"""

import contextvars
import logging
import os
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from functools import lru_cache, wraps
from typing import Any, Final
from uuid import UUID

from celery import current_task, shared_task
from celery.signals import celeryd_init, worker_process_init, worker_process_shutdown, worker_ready, worker_shutdown
from django.db import close_old_connections, connections

from recovery import (
    anchors,
    audit,
    bell,
    cases,
    delivery,
    domains,
    heartbeats,
    incidents,
    notices,
    privacy,
    resets,
    retention,
    rollup,
    watch,
)
from recovery import sweep as sweeping
from recovery.reasons import Part

logger = logging.getLogger(__name__)

SLICE: Final = 2.0  # seconds of draining, after which whatever is more urgent gets its turn
ROUND: Final = 15.0  # seconds between two looks of a keeper
PATIENCE: Final = timedelta(seconds=30)  # without a sweep: two of beat's were missed
LONGEST_END: Final = 45.0  # seconds that a provider may take over a mail
MOST_AT_ONCE: Final = 256  # tasks of one process; a pool of processes has one


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    """Those of this process: one that waits is used before another is made."""
    return ThreadPoolExecutor(MOST_AT_ONCE, "recovery-task")


os.register_at_fork(after_in_child=_threads.cache_clear)


def _finished(work: Future[None]) -> None:
    """Wait for it. Cold shutdown and time limits are raised here: what is being sent is noted before they end us."""
    try:
        work.result()
    except BaseException:  # SystemExit and Celery's time limit are no Exception
        wait([work], timeout=LONGEST_END)
        raise


def _connected(work: Callable[..., None]) -> Callable[..., None]:
    """Work in a thread that keeps its connections; where no worker runs it as a task, right here."""

    @wraps(work)
    def run(*args: Any, **more: Any) -> None:
        is_task = getattr(current_task, "name", "") == f"recovery.{work.__name__}"
        if is_task and not current_task.request.is_eager:
            _finished(_threads().submit(contextvars.copy_context().run, tidily, *args, **more))
        else:
            work(*args, **more)

    def tidily(*args: Any, **more: Any) -> None:
        close_old_connections()
        for connection in connections.all(initialized_only=True):
            if connection.connection is not None and not connection.is_usable():
                connection.close()  # its server was restarted meanwhile
        try:
            work(*args, **more)
        finally:
            close_old_connections()

    return run


@shared_task(name="recovery.fulfil_reset", ignore_result=True)
@_connected
def fulfil_reset(*request_ids: str) -> None:
    """Decide requests, one after the other, and deliver their mail."""
    _each(resets.fulfil, request_ids)


@shared_task(name="recovery.send_email", ignore_result=True)
@_connected
def send_email(*email_ids: str) -> None:
    """Deliver these mails; without ids whatever is due, the urgent first, for a slice of time."""
    if email_ids:
        delivery.deliver_each([UUID(pk) for pk in email_ids])
        return
    drained = sweeping.work(seconds=SLICE)
    if drained.left and drained.tried:  # where nothing could be tried, the next sweep is soon enough
        bell.ring("recovery.send_email")


@shared_task(name="recovery.follow_up", ignore_result=True)
@_connected
def follow_up(*email_ids: str) -> None:
    """Climb the ladder for reset mails that failed for good."""
    _each(resets.follow_up, email_ids)


@shared_task(name="recovery.rotate", ignore_result=True)
@_connected
def rotate(*rotation_ids: str) -> None:
    """Work on forced rotations, as far as their pace allows; the sweep goes on with them."""
    _each(resets.rotate, rotation_ids)


@shared_task(name="recovery.repair", ignore_result=True)
@_connected
def repair(*repair_ids: str) -> None:
    """Send fresh links to people of incidents, as far as the pace allows; the sweep goes on with them."""
    _each(incidents.work_on, repair_ids)


@shared_task(name="recovery.tell_case", ignore_result=True)
@_connected
def tell_case() -> None:
    """Tell the targets what is due about support cases."""
    cases.tell_due()


@shared_task(name="recovery.notify", ignore_result=True)
@_connected
def notify(*lockout_ids: str) -> None:
    """Decide whether the owners of these lockouts get a mail, and queue it."""
    _each(notices.tell_lockout, lockout_ids)


@shared_task(name="recovery.erase", ignore_result=True)
@_connected
def erase(*erasure_ids: str) -> None:
    """Erase what is held about these people."""
    _each(privacy.erase_asked, erasure_ids)


@shared_task(name="recovery.sweep", ignore_result=True)
@_connected
def sweep(by: str = "") -> None:
    """Take on what a lost ring or a dead worker left. ``by``: who keeps the time, if that is "beat"."""
    if by == Part.BEAT:
        heartbeats.beat(Part.BEAT)
    sweeping.sweep()


@shared_task(name="recovery.roll_up", ignore_result=True)
@_connected
def roll_up() -> None:
    """Bring the figures up to date, and tell what is wrong."""
    rollup.roll_up()
    watch.look()


@shared_task(name="recovery.seal_audit", ignore_result=True)
@_connected
def seal_audit() -> None:
    """Seal what the trail has without a seal, and tell its head outside, once an hour, whatever came of sealing."""
    try:
        audit.seal()
    finally:
        anchors.tell_due()


@shared_task(name="recovery.purge", ignore_result=True)
@_connected
def purge() -> None:
    """End what is past its time."""
    retention.purge()


@shared_task(name="recovery.check_domains", ignore_result=True)
@_connected
def check_domains() -> None:
    """Look the sending domains up, where nobody has for an hour or staff asked since."""
    domains.refresh_if_due()


@shared_task(name="recovery.answer_doctor", ignore_result=True)
@_connected
def answer_doctor(visit_id: str) -> None:
    """Say that a worker heard: the broker took the message there."""
    heartbeats.beat(Part.ECHO, visit_id)


def _each(verb: Callable[[UUID], object], ids: Sequence[str]) -> None:
    """Whatever becomes of one, the others get their turn; what failed is told in the end, for Celery's log."""
    failed: list[Exception] = []
    for pk in ids:
        try:
            verb(UUID(pk))
        except Exception as error:  # noqa: BLE001 - raised below
            failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise ExceptionGroup("several failed", failed)


class Keeper(threading.Thread):
    """Keeps one worker process. Holds no connection to the database between its looks."""

    def __init__(self, node: str) -> None:
        super().__init__(name="recovery-keeper", daemon=True)
        self.node = node
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            self._look()
            # Processes that started together must not look together.
            self.stopped.wait(random.uniform(0.7, 1) * ROUND)  # noqa: S311 - spreads load, hides nothing

    def stop(self, seconds: float = 10.0) -> None:
        """End, after what is being sent at this moment."""
        self.stopped.set()
        self.join(seconds)

    def _look(self) -> None:
        try:
            heartbeats.beat(Part.WORKER, self.node)
            if heartbeats.silent(Part.SWEEP, longer_than=PATIENCE):
                sweeping.sweep(stop=self.stopped)
            if not self.stopped.is_set():
                watch.keep()
        except Exception:  # a thread that ends is started by nobody
            logger.exception("keeper of %s: could not sweep, and tries again", self.node)
        finally:
            connections.close_all()


class _Process:
    """What this worker process knows of itself."""

    node = ""
    keeper: Keeper | None = None


@celeryd_init.connect
def _name(sender: Any = None, **kwargs: Any) -> None:
    """Known before the pool's processes are forked: not every Celery tells them."""
    _Process.node = str(sender or "")


@worker_process_init.connect
def _keep(sender: Any = None, **kwargs: Any) -> None:
    """A process of the pool begins to work. A thread of its parent did not come with it."""
    if _Process.keeper is None or not _Process.keeper.is_alive():
        _Process.keeper = Keeper(str(sender or _Process.node or "worker"))
        _Process.keeper.start()


@worker_ready.connect
def _keep_threads(sender: Any = None, **kwargs: Any) -> None:
    """Pools of threads have the worker's own process, which nobody initialises. One that forks gets no thread."""
    if not type(getattr(sender, "pool", None)).__module__.endswith("prefork"):
        _keep(sender=getattr(sender, "hostname", None))


@worker_process_shutdown.connect
def _let_go(**kwargs: Any) -> None:
    if _Process.keeper is not None:
        _Process.keeper.stop()


@worker_shutdown.connect
def _gone(sender: Any = None, **kwargs: Any) -> None:
    """All processes of the pool have ended: the worker's silence means nothing from here on."""
    _let_go()
    heartbeats.gone(Part.WORKER, str(getattr(sender, "hostname", None) or _Process.node or "worker"))
    connections.close_all()
