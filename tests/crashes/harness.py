"""A site whose workers can be killed, the provider that it sends through, and who judges what was lost and doubled.

The provider's ledger is the truth. The database is this process's own; workers are processes of their own on it.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self
from uuid import UUID

from django.db.models import Count
from django.db.models.functions import Now

from example_project.provider import Provider
from example_project.servers import ROOT
from recovery import outbox
from recovery.models import Email, Repair, RepairMember, ResetRequest, Rotation, RotationMember, RouteState
from recovery.reasons import UNFINISHED, EmailKind, EmailState, Outcome, RepairStep

WAITING = (EmailState.QUEUED, EmailState.DEFERRED, EmailState.UNKNOWN)
LEASE_IS_OVER = timedelta(seconds=1)


@dataclass(frozen=True)
class Kind:
    """What the provider can do about repeats, and how many connections a worker has to it."""

    name: str
    backend: str
    connections: int = 4
    honours_key: bool = False
    can_be_asked: bool = False

    def routes(self, provider: Provider) -> list[dict[str, Any]]:
        route = {
            "NAME": "main",
            "BACKEND": self.backend,
            "OPTIONS": {"server_token": provider.token, "api_url": provider.url},
            "CONNECTIONS": self.connections,
        }
        return [{**route, "KEY_HEADER": "Idempotency-Key"} if self.honours_key else route]


UNASKED = "tests.backends.Unasked"
PLAIN = Kind("plain", UNASKED, connections=1)
KEYED = Kind("keyed", UNASKED, honours_key=True)
ASKABLE = Kind("askable", "anymail.backends.postmark.EmailBackend", can_be_asked=True)
KINDS = (PLAIN, KEYED, ASKABLE)


@dataclass(frozen=True)
class Judged:
    """Mails that neither arrived nor ended as too late; and how many arrived more often than once."""

    lost: list[str]
    doubled: int


class Site:
    """The database of this process, a provider in its threads, and the environment in which workers find both."""

    def __init__(self, provider: Provider, kind: Kind, database_url: str) -> None:
        self.provider = provider
        self.kind = kind
        provider.honours_key, provider.askable = kind.honours_key, kind.can_be_asked
        self.environment = {
            "DJANGO_SETTINGS_MODULE": "tests.crashes.settings",
            "DATABASE_URL": database_url,
            "CRASHES_ROUTES": json.dumps(kind.routes(provider)),
        }
        self.queued = 0

    def queue(self, count: int) -> list[UUID]:
        """Notices to nobody in particular, each to another address; the keys of their rows."""
        first, self.queued = self.queued, self.queued + count
        return [
            email.pk
            for number in range(first, self.queued)
            for email in outbox.queue(
                EmailKind.PASSWORD_CHANGED,
                [f"reader{number}@example.com"],
                context={"username": f"reader{number}", "changed_at": "2026-11-21T09:00Z"},
            )
        ]

    def fill(self, count: int) -> None:
        """Queue until so many are due."""
        self.queue(max(0, count - Email.objects.due().count()))

    def end_leases(self) -> None:
        """What a minute and a half would do, whoever holds them."""
        Email.objects.filter(state=EmailState.SENDING).update(lease_until=Now() - LEASE_IS_OVER)
        ResetRequest.objects.filter(outcome=Outcome.RECEIVED).update(next_try_at=Now() - LEASE_IS_OVER)
        RotationMember.objects.filter(step__in=UNFINISHED).update(next_try_at=Now() - LEASE_IS_OVER)
        RepairMember.objects.filter(step=RepairStep.WAITING).update(next_try_at=Now() - LEASE_IS_OVER)

    def soon(self) -> None:
        """What minutes would do: all waits end, of mails and of routes."""
        past = Now() - LEASE_IS_OVER
        Email.objects.filter(state__in=WAITING).exclude(next_try_at=None).update(next_try_at=past)
        RouteState.objects.update(probe_at=past, probe_until=None)

    def settle(self, workers: "Workers") -> None:
        """Leases and waits end until no mail is on its way any more."""
        on_its_way = Email.objects.filter(state__in=[*WAITING, EmailState.SENDING]).exclude(next_try_at=None)
        undecided = ResetRequest.objects.filter(outcome=Outcome.RECEIVED)
        unfinished = [each.objects.unfinished() for each in (Rotation, Repair)]
        for _ in range(20):
            self.end_leases()
            self.soon()
            workers.run("sweep")
            if not any(each.exists() for each in (on_its_way, undecided, *unfinished)):
                return
        raise AssertionError(list(on_its_way.values_list("state", "reason").annotate(count=Count("pk"))))

    def judge(self) -> Judged:
        counts = self.provider.ledger.counts()
        rows = Email.objects.exclude(state=EmailState.EXPIRED).values_list("pk", flat=True)
        keys = {f"<{pk}@riverside-library.example>" for pk in rows}
        assert counts.keys() <= keys, "no mail leaves without a row"
        return Judged(lost=sorted(keys - counts.keys()), doubled=sum(counts.values()) - len(counts))


class Workers:
    """A template and the workers that it forks, one at a time."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by stop
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crashes.template"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
        )
        self.told: list[float] = []  # by the last worker
        self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def start(self, do: str, **order: Any) -> None:
        """One more worker; ``ended`` waits for its end."""
        assert self._process.stdin
        print(json.dumps({"do": do, **order}), file=self._process.stdin, flush=True)

    def ended(self) -> int:
        """The signal that ended it, 0 where it came to its end. Raises where it failed."""
        end = self._read()
        assert end["code"] == 0, self.log
        self.told = [float(line) for line in end["told"]]
        return int(end["signal"])

    def run(self, do: str, **order: Any) -> int:
        self.start(do, **order)
        return self.ended()

    def killed(self, point: str, nth: int, do: str = "sweep", **order: Any) -> None:
        """One that dies at this point."""
        assert self.run(do, point=point, nth=nth, **order) == signal.SIGKILL, f"nobody came to {point} {nth} times"

    def stop(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()
        self._log.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, self.log
        return dict(json.loads(line))


@contextmanager
def workers(site: Site, count: int = 1) -> Iterator[list[Workers]]:
    """So many templates."""
    started = list[Workers]()
    try:
        for _ in range(count):
            started.append(Workers(site.environment))
        yield started
    finally:
        for each in started:
            each.stop()
