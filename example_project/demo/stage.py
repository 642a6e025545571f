"""Starts the demo's parts and ends them: provider and site on threads of this process, broker and worker under minders.

However this process ends, the minders end theirs, and the worker's removes the folder of the database with it.
"""

import contextlib
import io
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from django.core.management import call_command
from django.urls import reverse

from example_project import provider, seeds, servers
from example_project.demo import plan as plans
from example_project.demo.plan import Plan
from example_project.demo.web import Site
from recovery import tasks

SWEEP_SECONDS = 2.0


@dataclass
class Stage:
    """The running parts."""

    plan: Plan
    provider: provider.Provider
    site: Site
    minded: list[servers.Server] = field(default_factory=list)

    def raise_if_dead(self) -> None:
        """Raises ServerDied when a part is gone."""
        for server in self.minded:
            server.raise_if_dead()
        for name, part in (("The site", self.site), ("The provider", self.provider)):
            if not part.is_alive:
                raise servers.ServerDied(f"{name} ended by itself.")


@contextlib.contextmanager
def running(plan: Plan, *, webhooks: bool, warn: Callable[[str], object]) -> Iterator[Stage]:
    """Everything, up and seeded. Raises ServerDied, ServerUnavailable or NotOurs (of ``seeds``)."""
    with contextlib.ExitStack() as parts:
        post_office = provider.start(
            listener=plans.adopt(plan.provider_socket),
            token=os.environ["POSTMARK_SERVER_TOKEN"],
            webhook_url=plan.site_url + reverse("recovery:webhook", args=["postmark"]),
            secret=os.environ["ANYMAIL_WEBHOOK_SECRET"],
            webhooks=webhooks,
        )
        parts.callback(post_office.stop)
        stage = Stage(plan, post_office, Site(plans.adopt(plan.site_socket)))
        room = Path(plan.room)
        parts.callback(shutil.rmtree, room, ignore_errors=True)
        if plan.broker_port is not None:
            stage.minded.append(parts.enter_context(servers.broker(port=plan.broker_port)))
        room.mkdir(mode=0o700)
        if os.environ["REDIS_URL"].startswith("memory:"):
            warn("Without Redis or Valkey no worker runs: mail leaves by a sweep every two seconds.")
            _make_ready()
            parts.enter_context(_sweeping())
        else:
            stage.minded.append(parts.enter_context(_worker_while(_make_ready, room)))
        parts.enter_context(stage.site)
        yield stage


def _make_ready() -> None:
    call_command("migrate", verbosity=0, interactive=False)
    call_command("recovery_audit", "protect", stdout=io.StringIO())
    seeds.plant()


def _worker_while(work: Callable[[], None], room: Path) -> servers.Server:
    """A worker, started while the database is made ready: both take their seconds, and neither needs the other yet."""
    with ThreadPoolExecutor(1) as pool:
        # Its temporary files go where the minder clears up, should it be killed before it can.
        coming = pool.submit(servers.celery, {"TMPDIR": str(room)}, room=room)
        try:
            work()
            return coming.result()
        except BaseException:
            coming.result().stop()
            raise


@contextlib.contextmanager
def _sweeping() -> Iterator[None]:
    """What beat and worker do elsewhere, for a machine without a broker."""
    stopped = threading.Event()

    def sweep() -> None:
        while not stopped.wait(SWEEP_SECONDS):
            tasks.sweep()

    thread = threading.Thread(target=sweep, name="sweep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(timeout=5)
