"""Scenarios with a stream of mail: kills with real leases, deploys, brokers that forget or hang, and who overtakes."""

import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import redis
from django.db import connections

from example_project import servers
from recovery import bell, outbox
from recovery.models import Email, EmailEvent, ResetRequest
from recovery.reasons import EmailKind, EmailState, EventKind, Outcome
from tests.brokers import MuteBroker
from tests.crashes.harness import Site, Workers, workers
from tests.crashes.saboteur import Point
from tests.crashes.scenarios import people, until
from tests.crashes.template import ask_many, asker

LATEST = 150.0  # seconds until everything that was queued has left: a lease, a sweep, and some air


@contextmanager
def stream(site: Site, *, rate: float, rings: bool = False) -> Iterator[None]:
    """So many mails a second are queued."""
    over = threading.Event()

    def write() -> None:
        while not over.wait(1 / rate):
            site.queue(1)
            if rings:
                bell.ring("recovery.send_email")
        connections.close_all()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def all_left() -> bool:
    return not (
        Email.objects.exclude(state=EmailState.HANDED_OVER).exists()
        or ResetRequest.objects.filter(outcome=Outcome.RECEIVED).exists()
    )


def spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds) or [0.0]
    return {
        f"p{share}_s": round(ordered[min(len(ordered) - 1, len(ordered) * share // 100)], 2) for share in (50, 95, 100)
    }


def kills(site: Site, *, point: str, times: int = 200, at_once: int = 3, rate: float = 15.0) -> dict[str, Any]:
    """Workers are killed at this point, and others started, while mail keeps coming. Nobody touches the leases."""
    drawn, left, lock = random.Random(f"{point} {times}"), times, threading.Lock()
    signals: Counter[int] = Counter()
    site.provider.mode("slow", seconds=0.01)

    def keep_dying(template: Workers) -> None:
        nonlocal left
        while True:
            with lock:
                if left <= 0:
                    return
                left -= 1
                nth = drawn.randint(1, 2 if point == Point.CLAIMED else 5)
            template.start("loop", point=point, nth=nth, seconds=60, interval=1)
            ended = template.ended()
            with lock:
                signals[ended] += 1
                left += ended != signal.SIGKILL

    with workers(site, at_once) as templates:
        began = time.monotonic()
        with stream(site, rate=rate):
            dying = [threading.Thread(target=keep_dying, args=[template]) for template in templates]
            for thread in dying:
                thread.start()
            for thread in dying:
                thread.join()
        took = time.monotonic() - began
        deadline = time.monotonic() + LATEST
        while not all_left() and time.monotonic() < deadline:
            for each in templates:
                each.start("loop", seconds=5, interval=1)
            for each in templates:
                each.ended()
    judged = site.judge()
    return {
        "point": point,
        "kind": site.kind.name,
        "kills": signals[signal.SIGKILL],
        "took_s": round(took, 1),
        "queued": Email.objects.count(),
        "states": dict(Counter(Email.objects.values_list("state", flat=True))),
        "lost": len(judged.lost),
        "doubled": judged.doubled,
        "recovery": recoveries(site),
    }


def recoveries(site: Site) -> dict[str, Any]:
    """Of each mail that a killed worker held and had not sent: seconds from its claim, which was before the kill, to
    its arrival. Where the next worker was killed over it as well, to that one's claim: from there it counts anew."""
    arrived: dict[str, datetime] = {}
    for message in site.provider.ledger.messages:
        arrived.setdefault(message.metadata["recovery_email_id"], message.arrived_at)
    held: dict[UUID | None, list[datetime]] = defaultdict(list)
    freed = EmailEvent.objects.filter(kind=EventKind.FREED).exclude(claimed_at=None).order_by("id")
    for key, claimed_at, at in freed.values_list("email_id", "claimed_at", "occurred_at"):
        if claimed_at and at < arrived.get(str(key), at):
            held[key].append(claimed_at)
    found = [
        (over - began).total_seconds()
        for key, claims in held.items()
        for began, over in pairwise([*claims, arrived[str(key)]])
    ]
    return {**spread(found), "held": len(found), "held_again": len(found) - len(held)}


def deploys(site: Site, *, times: int = 200, rate: float = 30.0) -> dict[str, Any]:
    """Real workers are told to end by TERM, one after the other, while mail keeps coming and is rung for."""
    environment = {**site.environment, "REDIS_URL": os.environ["REDIS_URL"]}
    site.provider.mode("slow", seconds=0.05)
    with stream(site, rate=rate, rings=True):
        for _ in range(times):
            before = len(site.provider.ledger.messages)
            with servers.celery(environment, beat=False) as worker:
                worker.wait_until(lambda before=before: len(site.provider.ledger.messages) > before + 3)
    held = Email.objects.filter(state=EmailState.SENDING).count()
    with servers.celery(environment) as _:
        until(all_left, seconds=LATEST)
    return {"times": times, "held_at_the_end": held, **_came(site)}


def wipes(site: Site, *, times: int = 20, rate: float = 20.0) -> dict[str, Any]:
    """The broker forgets everything, again and again, while people ask, mail is queued, and all is rung for."""
    environment = {**site.environment, "REDIS_URL": os.environ["REDIS_URL"]}
    server, drawn = redis.Redis.from_url(os.environ["REDIS_URL"]), random.Random(times)
    people(times * 10)
    site.provider.mode("slow", seconds=0.05)
    with servers.celery(environment), stream(site, rate=rate, rings=True):
        for wipe in range(times):
            ask_many({"first": wipe * 10, "count": 10})
            until(lambda: False, seconds=drawn.uniform(0, 0.5))
            server.flushall()
        began = time.monotonic()
    with servers.celery(environment):
        until(all_left, seconds=LATEST)
    sent = ResetRequest.objects.filter(outcome=Outcome.SENT).count()
    return {"times": times, "asked": times * 10, "sent": sent, "rest_s": round(time.monotonic() - began), **_came(site)}


def hang(site: Site, *, asks: int = 200) -> dict[str, Any]:
    """The same page with a broker, and with one that accepts and never answers, by turns; then a sweep."""
    people(2 * asks)
    mute = MuteBroker()
    took: dict[str, list[float]] = {"well": [], "mute": []}
    with workers(site) as [template], ExitStack() as stack:
        pages = {
            name: stack.enter_context(Workers({**site.environment, "REDIS_URL": url}))
            for name, url in (("well", os.environ["REDIS_URL"]), ("mute", mute.url))
        }
        for turn in range(10):
            for place, (name, page) in enumerate(pages.items()):
                first = (turn * 2 + place) * (asks // 10)
                page.run("ask_many", first=first, count=asks // 10)
                took[name] += page.told
        site.settle(template)
    mute.close()
    return {**{name: spread(seconds) for name, seconds in took.items()}, **_came(site)}


def overtake(site: Site, *, notices: int = 50_000, resets: int = 100) -> dict[str, Any]:
    """Tens of thousands of notices wait and are being sent; then people ask for links."""
    people(resets)
    for first in range(0, notices, 500):
        outbox.write(
            outbox.compose(
                EmailKind.PASSWORD_CHANGED,
                [f"reader{number}@example.com" for number in range(first, min(first + 500, notices))],
                context={"username": "reader", "changed_at": "2026-11-21T09:00Z"},
            )
        )
    with servers.celery({**site.environment, "REDIS_URL": os.environ["REDIS_URL"]}) as worker:
        bell.ring("recovery.send_email")
        worker.wait_until(lambda: len(site.provider.ledger.messages) > 100, seconds=60)
        before, asked = len(site.provider.ledger.messages), {}
        for number in range(resets):
            asked[asker(number)] = time.time()
            ask_many({"first": number, "count": 1})
        links = Email.objects.filter(kind=EmailKind.RESET, state=EmailState.HANDED_OVER)
        until(lambda: links.count() == resets, seconds=120)
        after = len(site.provider.ledger.messages)
    waits = [
        message.arrived_at.timestamp() - asked[message.recipients[0]]
        for message in site.provider.ledger.messages
        if message.recipients[0] in asked
    ]
    return {
        "notices": notices,
        "notices_waiting_at_the_end": Email.objects.due().count(),
        "sent_meanwhile": after - before,
        "resets": len(waits),
        **spread(waits),
    }


def _came(site: Site) -> dict[str, Any]:
    judged = site.judge()
    return {
        "queued": Email.objects.count(),
        "arrived": len(site.provider.ledger.counts()),
        "lost": len(judged.lost),
        "doubled": judged.doubled,
    }
