"""What happens to a site under load, and what came of it. Run in a process of its own by ``driver``."""

import itertools
import random
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import DatabaseError, InterfaceError, connections

from example_project import servers
from recovery.models import Email, EmailEvent, ResetRequest
from recovery.reasons import EmailState, EventKind, Outcome
from tests.crashes.harness import Site, workers
from tests.crashes.template import asker, place

FAULTS: dict[str, dict[str, Any]] = {
    "ok": {},
    "slow": {"seconds": 0.05},
    "broken": {},
    "unavailable": {},
    "limited": {"retry_after": "1"},
    "close": {},
    "drop": {},
    "garbage": {},
    "no_id": {},
    "flap": {"seconds": 0.2},
}


def until(is_so: Callable[[], bool], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (so := is_so()) and time.monotonic() < deadline:
        time.sleep(0.05)  # it is other processes that make it so
    return so


def database_crashes(site: Site, server: servers.Server, *, crashes: int, rate: float = 40.0) -> dict[str, Any]:
    """The database ends at once, again and again, while mail is queued and sent. What was committed must arrive."""
    drawn, committed, over = random.Random(crashes), list[str](), threading.Event()
    site.provider.mode("slow", seconds=0.02)

    def write() -> None:
        while not over.is_set():
            try:
                committed.extend(site.queue(1))
            except (DatabaseError, InterfaceError):  # whoever asked was told so
                connections.close_all()
            over.wait(1 / rate)
        connections.close_all()

    with workers(site, 2) as templates:
        for each in templates:
            each.start("loop", seconds=2.5 * crashes + 5)
        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(crashes):
            until(lambda: False, seconds=drawn.uniform(0.5, 1.5))
            servers.crash(server)
        over.set()
        writer.join()
        connections.close_all()  # they lead to a server that is no more
        signals = [each.ended() for each in templates]
        log = "".join(each.log for each in templates)
        site.settle(templates[0])
    judged = site.judge()
    kept = set(Email.objects.values_list("pk", flat=True))
    return {
        "crashes": crashes,
        "queued": len(committed),
        "arrived": len(site.provider.ledger.counts()),
        "lost": len(judged.lost) + len(set(committed) - kept),
        "doubled": judged.doubled,
        "workers_killed": sum(map(bool, signals)),
        "times_away": len(re.findall("OperationalError|InterfaceError|database is away", log)),
    }


def people(count: int) -> None:
    """So many users, by the names of ``template.asker``."""
    password, users = make_password("correct horse battery staple"), get_user_model()._default_manager
    users.bulk_create(
        users.model(username=f"asker{number}", email=asker(number), password=password) for number in range(count)
    )


def contention(site: Site, *, writers: int, seconds: float) -> dict[str, Any]:
    """Many people ask at once, while a worker works and two sweeps run."""
    people(int(writers * seconds * 10))
    numbers, lock = itertools.count(), threading.Lock()
    answers: list[tuple[int, float]] = []

    def next_number() -> int:
        with lock:
            return next(numbers)

    with servers.site({**site.environment, "CRASHES_PROXIES": "1"}) as server, workers(site, 3) as templates:
        for each in templates:
            each.start("loop", seconds=seconds + 2)
        until_then = time.monotonic() + seconds
        with ThreadPoolExecutor(writers) as pool:
            asking = [pool.submit(_ask_on, server.url, next_number, until_then) for _ in range(writers)]
            for each_asking in asking:
                answers += each_asking.result()
        for each in templates:
            each.ended()
        log = server.log + "".join(each.log for each in templates)
        site.settle(templates[0])
    judged, times = site.judge(), sorted(seconds for _, seconds in answers)
    return {
        "asked": len(answers),
        "not_302": sum(status != 302 for status, _ in answers),
        "requests": ResetRequest.objects.count(),
        "sent": ResetRequest.objects.filter(outcome=Outcome.SENT).count(),
        "arrived": len(site.provider.ledger.counts()),
        "locked_in_logs": log.count("is locked"),
        "lost": len(judged.lost),
        "doubled": judged.doubled,
        "p50_s": round(times[len(times) // 2], 3),
        "p99_s": round(times[int(len(times) * 0.99)], 3),
    }


def _ask_on(url: str, next_number: Callable[[], int], until_then: float) -> list[tuple[int, float]]:
    """One browser, which asks for one account after the other, each from another address."""
    answers = list[tuple[int, float]]()
    with requests.Session() as browser:
        forgot = f"{url}/recovery/forgot/"
        browser.get(forgot, timeout=60)
        while time.monotonic() < until_then:
            number = next_number()
            began = time.monotonic()
            answer = browser.post(
                forgot,
                {"identifier": asker(number), "csrfmiddlewaretoken": browser.cookies["csrftoken"]},
                headers={"X-Forwarded-For": place(number)},
                allow_redirects=False,
                timeout=60,
            )
            answers.append((answer.status_code, time.monotonic() - began))
    return answers


def soak(site: Site, *, seconds: float, every: float = 1.0, rate: float = 20.0) -> dict[str, Any]:
    """The provider misbehaves in one way after the other. In the end the outbox, the ledger and the events agree."""
    drawn, told = random.Random(int(seconds)), list[str]()
    with workers(site, 2) as templates:
        ends = time.monotonic() + seconds
        for each in templates:
            each.start("loop", seconds=seconds)
        while time.monotonic() < ends:
            told.append(drawn.choice(sorted(FAULTS)))
            site.provider.mode(told[-1], **FAULTS[told[-1]])
            site.queue(int(rate * every))
            site.soon()
            until(lambda: False, seconds=every)
        site.provider.mode("ok")
        for each in templates:
            each.ended()
        site.settle(templates[0])
    return {"faults": len(told), **reconciled(site)}


def reconciled(site: Site) -> dict[str, Any]:
    """Outbox, events and ledger side by side."""
    judged = site.judge()
    arrived = {key.partition("@")[0].strip("<") for key in site.provider.ledger.counts()}
    handed_over = {str(pk) for pk in Email.objects.filter(state=EmailState.HANDED_OVER).values_list("pk", flat=True)}
    noted = EmailEvent.objects.filter(kind__in=[EventKind.HANDED_OVER, EventKind.ASKED], email__isnull=False)
    told = {str(pk) for pk in noted.values_list("email_id", flat=True)}
    return {
        "queued": Email.objects.count(),
        "arrived": len(arrived),
        "lost": len(judged.lost),
        "doubled": judged.doubled,
        "handed_over_and_not_arrived": len(handed_over - arrived),
        "arrived_and_not_handed_over": len(arrived - handed_over),
        "handed_over_without_event": len(handed_over - told),
        "sent_but_silent": Email.objects.filter(pk__in=handed_over).exclude(events__kind=EventKind.DELIVERED).count(),
    }
