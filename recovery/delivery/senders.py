"""Connections and what goes over them. Threads run this: no row is read or written here, and nothing is raised."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from django.views.decorators.debug import sensitive_variables

from recovery.delivery import doubts
from recovery.delivery.composing import clean
from recovery.delivery.held import Held, Result
from recovery.reasons import TryOutcome
from recovery.routes import Line, Route, Tried

MARGIN: Final = 45.0  # seconds of a lease that must be left when a provider is called: it may take that long
GOES_ON: Final = frozenset({TryOutcome.DOWN, TryOutcome.BUSY, TryOutcome.REFUSED_US})
"""Surely not taken, and not for the recipient's or the mail's own sake: the next route may take it."""


class Lines:
    """Connections of one drain, for each route as many at once as it allows, each used by one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gates: dict[str, threading.Semaphore] = {}
        self._idle: dict[str, list[Line]] = defaultdict(list)

    @contextmanager
    def of(self, route: Route, *, within: float) -> Iterator[Line | None]:
        """A connection that is free ``within`` so many seconds, else None. It stays open for the next mail."""
        with self._lock:
            gate = self._gates.setdefault(route.name, threading.Semaphore(route.connections))
        if not gate.acquire(timeout=max(within, 0)):
            yield None
            return
        with self._lock:
            idle = self._idle[route.name]
            line = idle.pop() if idle else Line(route)
        try:
            yield line
        finally:
            with self._lock:
                self._idle[route.name].append(line)
            gate.release()

    def close(self) -> None:
        with self._lock:
            for lines in self._idle.values():
                while lines:
                    lines.pop().close()


@sensitive_variables()
def send(held: Held, lines: Lines, is_shut: Callable[[str], bool]) -> Result:
    """Ask for a doubted mail, then try its routes in order, until an answer leaves nothing to do.

    A route whose circuit opened since the plan was made is left out, unless this mail is there to try it. None is
    called when the lease could end before its answer is noted: another worker could have the mail by then.
    """
    started, tries = time.monotonic(), list[Tried]()
    asked = doubts.ask(held)
    if not doubts.is_over(held, asked):
        for route in held.plan:
            if is_shut(route.name) and route.name != held.probe:
                continue
            with lines.of(route, within=held.deadline - MARGIN - time.monotonic()) as line:
                if line is None or held.message is None or held.deadline - time.monotonic() < MARGIN:
                    break
                tried = line.send(held.message, key=str(held.email.pk), kind=held.email.kind)
            tries.append(replace(tried, detail=clean(tried.detail, held.secrets)) if tried.detail else tried)
            if tried.outcome not in GOES_ON:
                break
    return Result(held, tries, asked, time.monotonic() - started)
