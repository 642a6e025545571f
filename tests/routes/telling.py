"""A route's circuit, told what came of tries; and the time that passes for it."""

from datetime import timedelta
from typing import Any

from recovery import routes
from recovery.models import RouteState
from recovery.reasons import Circuit, TryOutcome
from recovery.routes import Route, Tried, circuits
from tests.following import let_pass


def tell(route: Route, outcome: TryOutcome, times: int = 1, **facts: Any) -> Circuit:
    tried = Tried(outcome, route.name, **{"detail": "said", **facts})
    return [routes.answered(route, tried) for _ in range(times)][-1]


def row(route: Route) -> RouteState:
    return RouteState.objects.get(name=route.name)


def pause(route: Route) -> float:
    """Seconds from the last failure to the next trial; both of one transaction, so that load hardly shows."""
    state = row(route)
    assert state.probe_at
    assert state.last_failure_at
    return (state.probe_at - state.last_failure_at).total_seconds()


def probed(route: Route) -> bool:
    """Whether a mail may take the route now."""
    state = routes.states().get(route.name)
    return state is None or routes.may_probe(route, state)


def until_due(route: Route) -> None:
    let_pass(timedelta(seconds=max(pause(route), 0) + 0.1))


def recover(route: Route) -> None:
    until_due(route)
    for _ in range(circuits.PROBES_TO_CLOSE):
        assert probed(route)
        tell(route, TryOutcome.ACCEPTED)
    assert row(route).circuit == Circuit.CLOSED
