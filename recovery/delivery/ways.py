"""Which routes are open, as of the last look, and what the answers say of them."""

import logging
from collections.abc import Iterable, Mapping
from typing import Final

from django.db import DatabaseError

from recovery import routes
from recovery.delivery.held import Held, Result
from recovery.models import RouteState
from recovery.reasons import Circuit, TryOutcome
from recovery.routes import Reach, Route, Tried

logger = logging.getLogger(__name__)

TOLD_AT_ONCE: Final = frozenset(
    {TryOutcome.DOWN, TryOutcome.BUSY, TryOutcome.REFUSED_US, TryOutcome.REFUSED_MAIL, TryOutcome.AMBIGUOUS}
)
"""Answers after which the circuit may open: what becomes of the mail depends on it."""
OF_THE_MAIL: Final = TryOutcome.MALFORMED  # says nothing of the route


class Ways:
    """The routes as one drain sees them. Reads and writes rows: for the thread that does the SQL."""

    def __init__(self) -> None:
        self.routes = {route.name: route for route in routes.all_routes()}
        self.most = max((route.connections for route in self.routes.values()), default=1)
        self.senders = self.most
        self.states: Mapping[str, RouteState] = {}
        self.shut: frozenset[str] = frozenset()

    def look(self) -> Reach:
        """What mail has a way out now; one read."""
        reach = routes.reach()
        self.states = reach.states
        self.shut = frozenset(name for name, state in self.states.items() if _is_shut(state))
        connections = [route.connections for name, route in self.routes.items() if name not in self.shut]
        self.senders = max(connections, default=1)
        return reach

    def is_shut(self, name: str) -> bool:
        return name in self.shut

    def plan(self, held: Held) -> list[Route]:
        """The routes that this mail tries, in order. Takes the trial of one that failed, if it is free, and commits."""
        email = held.email
        ways = routes.plan(email.kind, email.audience, self.states)
        in_use = [route for route in ways if route.name not in self.shut]
        if email.doubt_count:  # the same way once more: its provider may know the key
            in_use.sort(key=lambda route: route.name != email.route)
            if in_use:  # a second answer without sense would be its last: no trials with it
                return in_use
        for route in ways:
            is_trial = held.may_probe and route not in in_use and route.name in self.states
            if is_trial and routes.may_probe(route, self.states[route.name]):
                held.probe = route.name
                return [route, *in_use]
        return in_use

    def tell_failures(self, results: Iterable[Result]) -> None:
        """Before the note: whether a mail's try counts against it depends on the circuit."""
        for result in results:
            for tried in result.tries:
                if tried.outcome in TOLD_AT_ONCE:
                    self._tell(tried)

    def tell_successes(self, results: Iterable[Result]) -> None:
        """After the note, so that nothing stands between an acceptance and it; of each route the slowest."""
        slowest: dict[str, Tried] = {}
        for result in results:
            for tried in result.tries:
                known = slowest.get(tried.route)
                is_success = tried.outcome not in TOLD_AT_ONCE and tried.outcome != OF_THE_MAIL
                if is_success and (known is None or tried.seconds > known.seconds):
                    slowest[tried.route] = tried
        for tried in slowest.values():
            self._tell(tried)

    def _tell(self, tried: Tried) -> None:
        route = self.routes.get(tried.route)
        if route is None:
            return
        try:
            circuit = routes.answered(route, tried)
        except DatabaseError as error:  # the note of the mail matters more, and waits for the database
            logger.warning("route %s: its answer was not noted (%s)", route.name, type(error).__name__)
            return
        if circuit != Circuit.CLOSED:
            self.shut |= {route.name}


def _is_shut(state: RouteState) -> bool:
    return state.switched_off or state.circuit != Circuit.CLOSED
