"""Whether the forgot page's time tells who has an account, over HTTP on localhost.

``python -m benchmarks.timing``. Pairs of requests, one of each class, their order drawn; all cells take turns, so that
the two controls see the same machine: the same class twice must look alike, and a planted millisecond must be found, or
the run is void. Every request has an address of its own, and no identifier is used twice between two clearings of the
limits. The page never looks at accounts and the worker does: ``--worker`` has a real one decide and send meanwhile.
"""

import math
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from http.client import HTTPResponse
from itertools import count
from typing import Any, Protocol
from urllib.parse import urlencode

from benchmarks import pairs, report, stage

BLOCK = 80  # pairs of each cell between two clearings of the limits
WARM_UP = 200
CLOSE_ENOUGH = 0.03

# cell: (class, class); the first two are the controls
CELLS = {
    "the same twice": ("unknown", "unknown"),
    "planted 1 ms": ("unknown", "planted"),
    "known, unknown": ("known", "unknown"),
    "known, inactive": ("known", "inactive"),
    "known, no password": ("known", "no password"),
    "known, throttled": ("asked before", "throttled"),
}
CONTROL, PLANTED = list(CELLS)[:2]

Cells = Mapping[str, tuple[str, str]]


class Asking(Protocol):
    """People of several classes, at whose page time is taken."""

    def new_block(self, dice: random.Random) -> None:
        """Begin anew, so that no name has to be used twice."""

    def ask(self, name: str) -> float:
        """Let one of this class ask; the seconds that the answer took."""


class Browser:
    """One connection, kept alive."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.numbers = count(1)

    def post(self, path: str, form: Mapping[str, str], *, planted: bool = False) -> tuple[int, float]:
        """The status of the answer, and the seconds from sending to the whole of it."""
        number = next(self.numbers)
        body = urlencode({**form, "csrfmiddlewaretoken": "a" * 32})
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0 Firefox/140.0\r\n"
            f"X-Forwarded-For: 10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}\r\n"
            f"X-Benchmark: {planted:d}\r\nCookie: csrftoken={'a' * 32}\r\nSec-Fetch-Mode: navigate\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        request = (head + body).encode()
        begin = time.perf_counter()
        self.socket.sendall(request)
        response = HTTPResponse(self.socket, method="POST")
        response.begin()
        response.read()
        return response.status, time.perf_counter() - begin


class Crowd:
    """Identifiers of each class, none used twice in a block. Nothing in an address tells its class."""

    def __init__(self, browser: Browser, users: int) -> None:
        self.browser = browser
        inactive = [stage.address(n) for n in range(0, users, 10)]
        no_password = [stage.address(n) for n in range(1, users, 10)]
        known = [stage.address(n) for n in range(users) if n % 10 > 1]
        unknown = [stage.address(n, known=False) for n in range(len(known))]
        self.pools = {"known": known, "unknown": unknown, "inactive": inactive, "no password": no_password}
        self.fresh: dict[str, list[str]] = {}

    def new_block(self, dice: random.Random) -> None:
        """Forget all limits and deal the identifiers anew; some of the known have asked before, some too often."""
        from benchmarks.forgot import empty_limits_and_queue

        empty_limits_and_queue()
        self.fresh = {name: dice.sample(pool, len(pool)) for name, pool in self.pools.items()}
        self.fresh["planted"] = [self.fresh["unknown"].pop() for _ in range(BLOCK)]
        for name, times in (("asked before", 1), ("throttled", 100)):
            self.fresh[name] = [self.fresh["known"].pop() for _ in range(BLOCK)]
            self._asked(self.fresh[name], times)

    def ask(self, name: str) -> float:
        form = {"identifier": self.fresh[name].pop()}
        status, seconds = self.browser.post("/recovery/forgot/", form, planted=name == "planted")
        assert status == 302, status
        return seconds

    def _asked(self, identifiers: Sequence[str], times: int) -> None:
        from datetime import timedelta

        from django.utils import timezone

        from recovery.limits import counter_key
        from recovery.models import LimitCounter

        ends = timezone.now() + timedelta(hours=1)
        LimitCounter.objects.bulk_create(
            LimitCounter(key=counter_key("address", each), count=times, window_ends_at=ends) for each in identifiers
        )


def measure(
    crowd: Asking,
    seed: int,
    wanted: int,
    cells: Cells,
    *,
    seldom: Mapping[str, int] | None = None,
    seconds: float = math.inf,
) -> dict[str, pairs.Comparison]:
    """``wanted`` pairs of each cell, after the warm-up, or as many as there are ``seconds`` for. A cell in ``seldom``
    has its turn every so many pairs."""
    dice = random.Random(seed)
    times: dict[str, tuple[list[float], list[float]]] = {cell: ([], []) for cell in cells}
    crowd.new_block(dice)
    for _ in range(WARM_UP):
        crowd.ask("unknown")
    last = time.monotonic() + seconds
    for number in range(wanted):
        if time.monotonic() > last:
            break
        if number % BLOCK == 0:
            crowd.new_block(dice)
        for cell in dice.sample(list(cells), len(cells)):
            if number % (seldom or {}).get(cell, 1) == 0:
                _ask_pair(cells[cell], times[cell], crowd.ask, dice)
    return {cell: pairs.compare(first, second) for cell, (first, second) in times.items()}


def _ask_pair(
    classes: tuple[str, str], times: tuple[list[float], list[float]], ask: Callable[[str], float], dice: random.Random
) -> None:
    for place in dice.sample((0, 1), 2):
        times[place].append(ask(classes[place]))


def show(found: dict[str, pairs.Comparison]) -> dict[str, str]:
    """Print the table; returns the word on each cell."""
    control = found[CONTROL].auc
    words = {}
    for cell, got in found.items():
        if cell == PLANTED:
            words[cell] = "found" if got.auc_low > 0.5 and got.sign_p < 0.001 else "NOT FOUND: the run is void"
        elif cell == CONTROL:
            words[cell] = "alike" if abs(got.auc - 0.5) <= CLOSE_ENOUGH else "NOT ALIKE: the machine is too busy"
        elif abs(got.auc - 0.5) <= CLOSE_ENOUGH:
            words[cell] = "alike"
        else:
            near = abs(got.auc - control) <= CLOSE_ENOUGH
            words[cell] = "as alike as the control" if near else "ask again with more pairs"
    heads = ["cell", "pairs", "AUC", "99 %", "median us", "99 %", "p95 us", "sign p", "Wilcoxon p", ""]
    rows = []
    for cell, got in found.items():
        auc = [round(got.auc, 4), f"{got.auc_low:.3f} to {got.auc_high:.3f}"]
        median = [round(got.median_us, 1), f"{got.median_low_us:.0f} to {got.median_high_us:.0f}"]
        tests = [round(got.sign_p, 4), round(got.wilcoxon_p, 4)]
        rows.append([cell, got.pairs, *auc, *median, round(got.p95_us), *tests, words[cell]])
    report.table(heads, rows)
    return words


def run(kind: str, options: Any) -> None:
    cells = {cell: CELLS[cell] for cell in [CONTROL, PLANTED, *(options.cell or list(CELLS)[2:])]}
    for users in options.users or [1000, 100_000]:
        stage.populate(users)
        for cost in options.mail or [0.0, 0.05]:
            environment = {
                "DATABASE_URL": stage.url_of(users),
                "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
                "MAIL_SECONDS": str(cost),
            }
            with ExitStack() as stack:
                if options.worker:
                    from example_project import servers

                    stack.enter_context(servers.celery(environment, concurrency=1, beat=False))
                crowd = Crowd(stack.enter_context(serving(environment)), users)
                found = measure(crowd, users, options.pairs, cells)
            by = "a worker deciding" if options.worker else "no worker"
            print(f"Forgot page on {kind}, {users} users, a mail costs {cost * 1e3:.0f} ms, {by}")
            words = show(found)
            figures = {cell: {**asdict(got), "word": words[cell]} for cell, got in found.items()}
            name = f"timing_{kind}_{users}_{cost * 1e3:.0f}ms{'_worker' if options.worker else ''}"
            report.save(options.out, name, {"kind": kind, "users": users, "cells": figures})


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[Browser]:
    """A web worker as a process of its own, and a browser at it."""
    from example_project.servers import free_port

    port = free_port()
    command = [sys.executable, "-m", "benchmarks.server", str(port)]
    process = subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    try:
        yield _connected(port)
    finally:
        process.terminate()
        process.wait()


def _connected(port: int) -> Browser:
    deadline = time.monotonic() + 30
    while True:
        try:
            return Browser(port)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def main() -> None:
    parser = stage.arguments(__doc__)
    parser.add_argument("--pairs", type=int, default=2000, help="of each cell (%(default)s); 20000 to be sure of one")
    parser.add_argument("--cell", choices=list(CELLS)[2:], action="append", help="besides the controls (all)")
    parser.add_argument("--mail", type=float, action="append", help="seconds that a mail costs (0 and 0.05)")
    parser.add_argument("--worker", action="store_true", help="have a real worker decide and send meanwhile")
    options = parser.parse_args()
    if options.url:
        run(stage.set_up(options.url), options)
    else:
        stage.in_a_process_each("benchmarks.timing", options)


if __name__ == "__main__":
    main()
