"""The circuit of each route: one row that all workers share. It saves attempts, and loses no mail.

Three failures in a row take a route out of use, a refusal of us or a "come back later" does so at once. After a pause
one mail at a time tries it; three that got through take it back into use. All by the database's clock.
"""

import random
import re
import threading
import time
from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import F, Q
from django.db.models.functions import Greatest, Now

from recovery import alarms, audit
from recovery.accounts import key_of
from recovery.models import RouteState
from recovery.models.primary import atomic
from recovery.reasons import Action, Alarm, Circuit, EmailReason, TryOutcome
from recovery.routes import configured
from recovery.routes.configured import Route
from recovery.routes.tried import Tried

FAILURES_TO_OPEN: Final = 3
PROBES_TO_CLOSE: Final = 3
FIRST_PAUSE: Final = 5.0  # seconds; doubled with each failure until there was a calm spell
LONGEST_PAUSE: Final = 60.0
CALM: Final = timedelta(minutes=5)
PROBE_LEASE: Final = timedelta(seconds=60)
SLOW: Final = 10.0  # seconds for one mail, after which a route counts as failing though it answers
TOLD_EVERY: Final = 15.0  # seconds

REASONS: Final = {
    TryOutcome.REFUSED_US: EmailReason.PROVIDER_REFUSED_US,
    TryOutcome.REFUSED_MAIL: EmailReason.PROVIDER_REFUSED_MAIL,
    TryOutcome.BUSY: EmailReason.PROVIDER_BUSY,
    TryOutcome.AMBIGUOUS: EmailReason.NO_CLEAR_ANSWER,
}
AT_ONCE: Final = frozenset({TryOutcome.REFUSED_US, TryOutcome.BUSY})
FAILING: Final = AT_ONCE | {TryOutcome.DOWN, TryOutcome.AMBIGUOUS, TryOutcome.REFUSED_MAIL}
ALIVE: Final = frozenset({TryOutcome.ACCEPTED, TryOutcome.REFUSED_RECIPIENT, TryOutcome.LATER})
# Of what the other side said, names and numbers are for the operators; addresses, links and secrets are not.
_PRIVATE: Final = re.compile(r"\S*(?:@|://)\S*|[\w+/=-]{20,}")

_lock = threading.Lock()
_told: dict[str, float] = {}  # when this process last noted a success of a route
_watched: set[str] = set()  # routes that failed or were on trial here: their next success is noted at once


def answered(route: Route, tried: Tried) -> Circuit:
    """Tell the circuit what came of a try, and commit; says how it stands now. While all is well, nearly free."""
    if tried.outcome not in FAILING | ALIVE:
        return _stands(route.name)
    if tried.outcome in FAILING or tried.seconds > SLOW:
        return _failed(route.name, tried)
    if not _is_news(route.name):
        return Circuit.CLOSED
    return _succeeded(route.name)


def may_probe(route: Route, state: RouteState) -> bool:
    """Whether a mail may take this route now: it is in use, or this caller got its one trial. Commits."""
    if state.circuit == Circuit.CLOSED:
        return not state.switched_off
    taken = (
        RouteState.objects.filter(Q(probe_until=None) | Q(probe_until__lte=Now()), name=route.name, switched_off=False)
        .filter(probe_at__lte=Now())
        .update(circuit=Circuit.HALF_OPEN, probe_until=Now() + PROBE_LEASE)
    )
    if taken:
        _watch(route.name)
    return bool(taken)


def register() -> None:
    """Make rows for those routes of the settings that have none."""
    names = [route.name for route in configured.all_routes()]
    missing = set(names) - set(RouteState.objects.filter(name__in=names).values_list("name", flat=True))
    if missing:
        _make(missing)


def switch(name: str, *, on: bool, actor: AbstractBaseUser, reason: str) -> None:
    """Staff take a route out of use or back; nothing where it is so already. Back in use, it may be tried at once."""
    with atomic(RouteState):
        changed = RouteState.objects.filter(name=name, switched_off=on).update(
            switched_off=not on, switched_at=Now(), switched_by=key_of(actor), switch_reason=audit.kept(reason)
        )
        if not changed:
            return
        if on:
            waiting = RouteState.objects.filter(name=name).exclude(circuit=Circuit.CLOSED)
            waiting.update(probe_at=Now(), probe_until=None)
        action = Action.ROUTE_SWITCHED_ON if on else Action.ROUTE_SWITCHED_OFF
        audit.record(action, actor_key=key_of(actor), reason=reason, route=name)


def _failed(name: str, tried: Tried) -> Circuit:
    _watch(name)
    with atomic(RouteState):
        row = _counted(name)
        known = _words(tried)
        if row.circuit == Circuit.OPEN:  # by a mail that was on its way when it opened
            if tried.outcome in AT_ONCE:
                later = Greatest(F("probe_at"), Now() + timedelta(seconds=_pause(row.opening_count, tried)))
                RouteState.objects.filter(name=name).update(probe_at=later, **known)
        elif row.circuit == Circuit.HALF_OPEN or row.failure_count >= FAILURES_TO_OPEN or tried.outcome in AT_ONCE:
            _open(row, tried, known)
        else:
            return Circuit.CLOSED
    return Circuit.OPEN


def _counted(name: str) -> Any:
    """The row with this failure counted, held until the transaction ends. Written before it is read: so no other
    worker comes between, on either database."""
    rows = RouteState.objects.filter(name=name)
    count = {"failure_count": F("failure_count") + 1, "last_failure_at": Now()}
    if not rows.update(**count):
        _make([name])
        rows.update(**count)
    return rows.annotate(read_at=Now()).get()


def _open(row: Any, tried: Tried, known: dict[str, str]) -> None:
    is_calm = row.closed_at is None or row.read_at - row.closed_at > CALM
    is_first = row.circuit == Circuit.CLOSED
    count = 1 if is_first and is_calm else row.opening_count + 1
    RouteState.objects.filter(name=row.name).update(
        circuit=Circuit.OPEN,
        success_count=0,
        opening_count=min(count, 30_000),
        opened_at=Now() if is_first else F("opened_at"),
        probe_at=Now() + timedelta(seconds=_pause(count, tried)),
        probe_until=None,
        **known,
    )
    if is_first:
        audit.record(Action.CIRCUIT_OPENED, route=row.name, because=known["reason"])
    alarm = Alarm.REFUSED_US if tried.outcome == TryOutcome.REFUSED_US else Alarm.CIRCUIT_OPEN
    alarms.sound(alarm, row.name, detail=known["detail"])


def _succeeded(name: str) -> Circuit:
    with atomic(RouteState):
        rows = RouteState.objects.filter(name=name)
        if not rows.update(failure_count=0, last_success_at=Now()):
            return Circuit.CLOSED  # nobody has had trouble with it yet
        row = rows.get()
        if row.circuit == Circuit.HALF_OPEN:
            return _passed(row)
        if row.circuit == Circuit.CLOSED:
            _unwatch(name)
        return Circuit(row.circuit)


def _passed(row: RouteState) -> Circuit:
    """A trial got through."""
    rows = RouteState.objects.filter(name=row.name)
    if row.success_count + 1 < PROBES_TO_CLOSE:
        rows.update(success_count=row.success_count + 1, probe_at=Now(), probe_until=None)
        return Circuit.HALF_OPEN
    rows.update(
        circuit=Circuit.CLOSED,
        reason="",
        detail="",
        success_count=0,
        closed_at=Now(),
        probe_at=None,
        probe_until=None,
    )
    audit.record(Action.CIRCUIT_CLOSED, route=row.name, because=row.reason)
    _unwatch(row.name)
    return Circuit.CLOSED


def _stands(name: str) -> Circuit:
    circuit = RouteState.objects.filter(name=name).values_list("circuit", flat=True).first()
    return Circuit(circuit or Circuit.CLOSED)


def _pause(count: int, tried: Tried) -> float:
    """Seconds until the next trial."""
    if tried.outcome == TryOutcome.BUSY and tried.retry_after is not None:
        return tried.retry_after.total_seconds()
    if tried.outcome == TryOutcome.REFUSED_US:
        return LONGEST_PAUSE
    longest: float = min(FIRST_PAUSE * 2 ** min(count - 1, 10), LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1)  # noqa: S311 - spreads load, guards nothing


def _words(tried: Tried) -> dict[str, str]:
    """Why, for the row. The first line of what was said names the error; an echo of the mail comes after it."""
    said = next(iter(tried.detail.splitlines()), "")
    if tried.outcome in ALIVE:
        said = f"slow: {tried.seconds:.0f} s"
    return {
        "reason": REASONS.get(tried.outcome, EmailReason.PROVIDER_DOWN),
        "detail": _PRIVATE.sub("…", said)[:200],
    }


def _make(names: Collection[str]) -> None:
    RouteState.objects.bulk_create([RouteState(name=name) for name in names], ignore_conflicts=True)


def _is_news(name: str) -> bool:
    """Whether a success is worth a statement: after trouble here, and else now and then."""
    now = time.monotonic()
    with _lock:
        is_due = name in _watched or now - _told.get(name, -TOLD_EVERY) >= TOLD_EVERY
        if is_due:
            _told[name] = now
        return is_due


def _watch(name: str) -> None:
    with _lock:
        _watched.add(name)


def _unwatch(name: str) -> None:
    with _lock:
        _watched.discard(name)
