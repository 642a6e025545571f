"""Which routes a mail may take now, by what all workers know of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import Final

from django.db.models.functions import Now
from django.utils import timezone

from recovery import alarms
from recovery.conf import conf
from recovery.models import RouteState
from recovery.models.rows import columns, read
from recovery.reasons import Alarm, Circuit, EmailReason
from recovery.routes import configured
from recovery.routes.configured import Route

DOORS: Final = "default"  # the site's own audience; the others are those of AUDIENCES


@dataclass(frozen=True, slots=True)
class Reach:
    """Which mail has a way out now: ``none`` at all, or all but the ``blocked`` (audience, kinds).

    ``most``: no more mails than this may be claimed, since every way out is to be tried with one mail first.
    ``states`` is what it was judged by, for ``plan``.
    """

    none: bool
    blocked: tuple[tuple[str, tuple[str, ...]], ...] = ()
    most: int | None = None
    states: Mapping[str, RouteState] = field(default_factory=dict)


def states() -> dict[str, RouteState]:
    """What is known of the routes; where one is in trouble, with ``read_at``, the database's time of this reading."""
    known = read(RouteState, f"SELECT {columns(RouteState)} FROM {RouteState._meta.db_table}", [])
    if any(state.circuit != Circuit.CLOSED for state in known):
        known = list(RouteState.objects.annotate(read_at=Now()))
    return {state.name: state for state in known}


def reach() -> Reach:
    """Which mail has a way out now. Alarms where none has."""
    known, routes = states(), configured.all_routes()
    plans = {
        (audience, str(kind)): plan(kind, audience, known, among=routes)
        for audience, kind in product([DOORS, *conf.AUDIENCES], sorted(configured.KINDS))
    }
    open_ways = {route.name: route for ways in plans.values() for route in ways}
    if not open_ways:
        alarms.sound(Alarm.NO_ROUTE, ", ".join(route.name for route in routes))
    trials = [route for route in open_ways.values() if not _is_in_use(route, known)]
    return Reach(
        none=not open_ways,
        blocked=tuple(_blocked(plans)),
        most=len(trials) if len(trials) == len(open_ways) else None,
        states=known,
    )


def plan(
    kind: str, audience: str, states: Mapping[str, RouteState], *, among: Sequence[Route] | None = None
) -> list[Route]:
    """The routes to try now, in this order: those in use, and at most one that is to be tried with one mail.

    That one comes first, since whoever gets the trial (``may_probe``) must make it; for all others it is not there.
    A spare route that failed without a clear answer is not tried while another is in use: that would make a mail
    doubtful every minute for nothing.
    """
    ways = configured.of(kind, audience, among)
    in_use = [route for route in ways if _is_in_use(route, states)]
    trials = [route for route in ways if route not in in_use and _is_due(states[route.name])]
    if in_use:
        first = ways.index(in_use[0])
        trials = [route for route in trials if ways.index(route) < first or not _is_doubtful(states[route.name])]
    return [*trials[:1], *in_use]


def _is_in_use(route: Route, states: Mapping[str, RouteState]) -> bool:
    """A route that nobody has had trouble with has no row."""
    state = states.get(route.name)
    return state is None or (state.circuit == Circuit.CLOSED and not state.switched_off)


def _is_due(state: RouteState) -> bool:
    """Whether one mail may try it now. A row without the database's time is judged by this machine's."""
    now: datetime = getattr(state, "read_at", None) or timezone.now()
    is_waiting = state.probe_until is None or state.probe_until <= now
    return not state.switched_off and state.probe_at is not None and state.probe_at <= now and is_waiting


def _is_doubtful(state: RouteState) -> bool:
    return state.reason == EmailReason.NO_CLEAR_ANSWER


def _blocked(plans: Mapping[tuple[str, str], list[Route]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for audience in dict.fromkeys(audience for audience, _ in plans):
        kinds = tuple(kind for (other, kind), ways in plans.items() if other == audience and not ways)
        if kinds:
            yield audience, kinds
