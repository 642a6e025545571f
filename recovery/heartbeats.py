"""Signs of life, and the judgement over them: is anything dead that mail needs, or does mail wait too long?

Parts write a moment every few seconds; whoever asks judges their silence, so that a part that died needs nobody to
say so. All moments and ages are the database's. The level is told and never judged: it is somebody's will.
"""

import logging
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import Error, models
from django.db.models import Count, DurationField, Exists, ExpressionWrapper, F, Max, OuterRef, Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from recovery import level, silence
from recovery.conf import conf
from recovery.models import Email, Heartbeat, ResetRequest, RouteState
from recovery.models.primary import atomic
from recovery.reasons import Circuit, Part

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(seconds=10)  # not written more often
SILENT: Final = timedelta(seconds=60)  # four signs missed
FORGOTTEN: Final = timedelta(hours=1)  # a dead worker whose work others do
KEPT: Final = timedelta(days=1)
NOTHING: Final = timedelta()


@dataclass(frozen=True, slots=True)
class PartHealth:
    """One part: a word of ``Part`` or "database", its name where there may be several, how it is and since when."""

    part: str
    name: str
    healthy: bool
    age_seconds: float | None
    said: str


@dataclass(frozen=True, slots=True)
class Health:
    """All parts, and what waits: mail that is due and requests that nobody has decided."""

    healthy: bool
    parts: list[PartHealth]
    level: str
    waiting: int
    oldest_seconds: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def beat(part: Part, name: str = "") -> None:
    """Give a sign of life; written at most every ten seconds. A database that refuses it is only logged."""
    key = _key(part, name)
    stale = Q(beat_at__lt=Now() - EVERY) | Q(beat_at__gt=Now())  # the second: its clock was set back
    try:
        with atomic(Heartbeat):
            if not Heartbeat.objects.filter(stale, name=key).update(beat_at=Now()):
                first = Heartbeat(name=key, part=part, beat_at=Now())
                Heartbeat.objects.bulk_create([first], ignore_conflicts=True)
    except Error as error:
        logger.warning("heartbeats: no sign of life of %s (%s)", key, type(error).__name__)


def gone(part: Part, name: str = "") -> bool:
    """It ended on purpose, so its silence means nothing; False if it was not known or the database refuses it."""
    key = _key(part, name)
    try:
        with atomic(Heartbeat):
            return bool(Heartbeat.objects.filter(name=key).delete()[0])
    except Error as error:
        logger.warning("heartbeats: %s ended and could not say so (%s)", key, type(error).__name__)
        return False


def silent(part: Part, *, longer_than: timedelta) -> bool:
    """Whether no part of this kind gave a sign of life within that time."""
    return not Heartbeat.objects.filter(part=part, beat_at__gt=Now() - longer_than).exists()


def health() -> Health:
    """How everything is. Reads only; a database that cannot be read is red itself."""
    try:
        parts = [*_signs(), *_routes(), *_webhooks()]
        queues = {"email": _mail(), "request": _requests()}
        held = level.current().value
    except Error as error:
        dead = PartHealth("database", "", healthy=False, age_seconds=None, said=type(error).__name__)
        return Health(healthy=False, parts=[dead], level="", waiting=0, oldest_seconds=0.0)
    parts += [_waiting(name, age) for name, (_, age) in queues.items()]
    return Health(
        healthy=all(part.healthy for part in parts),
        parts=parts,
        level=held,
        waiting=sum(number for number, _ in queues.values()),
        oldest_seconds=max(_seconds(age) for _, age in queues.values()),
    )


def purgeable() -> "models.QuerySet[Heartbeat]":
    """Parts that have been silent for a day while another of their kind lives; the last of a kind stays, and red. So do
    answers to a doctor that did not wait for them."""
    living = Heartbeat.objects.filter(part=OuterRef("part"), beat_at__gte=Now() - KEPT)
    return Heartbeat.objects.filter(Exists(living) | Q(part=Part.ECHO), beat_at__lt=Now() - KEPT)


def purge() -> int:
    """Remove them; returns how many went."""
    return purgeable().delete()[0]


def _key(part: Part, name: str) -> str:
    return f"{part.value}:{name}"[:160] if name else part.value


def _since(moment: str) -> "ExpressionWrapper[CombinedExpression]":
    return ExpressionWrapper(Now() - F(moment), output_field=DurationField())


def _signs() -> list[PartHealth]:
    """Beat and each worker as far as they were ever seen; the sweep in any case, since nothing moves without one."""
    rows = Heartbeat.objects.exclude(part=Part.ECHO).annotate(age=_since("beat_at")).order_by("part", "name")
    seen = [(part, name, age) for part, name, age in rows.values_list("part", "name", "age")]
    living = {part for part, _, age in seen if age <= SILENT}
    parts = [
        PartHealth(part, name.partition(":")[2], age <= SILENT, _seconds(age), _said(age))
        for part, name, age in seen
        if not (part == Part.WORKER and part in living and age > FORGOTTEN)
    ]
    if Part.SWEEP not in {part for part, _, _ in seen}:
        said = "nothing was ever swept" if seen else "nothing has ever run"
        parts.append(PartHealth(Part.SWEEP.value, "", healthy=False, age_seconds=None, said=said))
    return parts


def _said(age: timedelta) -> str:
    return f"last sign of life {_seconds(age):.0f} s ago"


def _routes() -> list[PartHealth]:
    """The routes of the settings; one without a row has never failed."""
    names = [str(route.get("NAME") or "default") for route in conf.ROUTES] or ["default"]
    rows = RouteState.objects.filter(name__in=names).annotate(age=_since("last_success_at"))
    known = {row.name: row for row in rows}
    none_left = all(
        name in known and (known[name].switched_off or known[name].circuit != Circuit.CLOSED) for name in names
    )
    return [_route(name, known.get(name), none_left=none_left) for name in names]


def _route(name: str, row: Any, *, none_left: bool) -> PartHealth:
    part, age = Part.ROUTE.value, _seconds(row.age) if row and row.age is not None else None
    if row is None:
        return PartHealth(part, name, healthy=True, age_seconds=None, said="in use")
    if row.switched_off:
        said = "switched off, and no route is left" if none_left else "switched off"
        return PartHealth(part, name, healthy=not none_left, age_seconds=age, said=said)
    if row.circuit == Circuit.CLOSED:
        return PartHealth(part, name, healthy=True, age_seconds=age, said="in use")
    return PartHealth(part, name, healthy=False, age_seconds=age, said=f"circuit {row.circuit}: {row.reason}")


def _webhooks() -> list[PartHealth]:
    """The providers that must report back."""
    return [_webhook(each) for each in silence.heard()]


def _webhook(heard: silence.Heard) -> PartHealth:
    now = timezone.now()
    age = _seconds(now - heard.last_at) if heard.last_at else None
    if heard.waits_since is None:
        said = "no report yet, and none is missed" if age is None else f"last report {age:.0f} s ago"
        return PartHealth(Part.WEBHOOK.value, heard.esp, healthy=True, age_seconds=age, said=said)
    waits = _seconds(now - heard.waits_since)
    said = f"it has had mail of ours for {waits:.0f} s and says nothing"
    return PartHealth(Part.WEBHOOK.value, heard.esp, healthy=False, age_seconds=age, said=said)


def _mail() -> tuple[int, timedelta]:
    """How many mails are due, and the longest wait since one was."""
    since = ExpressionWrapper(Now() - Greatest("queued_at", "next_try_at"), output_field=DurationField())
    return _queued(Email.objects.due(), since)


def _requests() -> tuple[int, timedelta]:
    """How many requests nobody has decided, and the longest wait since somebody should have."""
    return _queued(ResetRequest.objects.undecided(), _since("next_try_at"))


def _queued(rows: "models.QuerySet[Any]", since: "ExpressionWrapper[CombinedExpression]") -> tuple[int, timedelta]:
    found = rows.aggregate(number=Count("pk"), longest=Max(since))
    return found["number"], max(found["longest"] or NOTHING, NOTHING)


def _waiting(name: str, age: timedelta) -> PartHealth:
    said = f"the oldest has waited for {_seconds(age):.0f} s" if age else "nothing waits"
    return PartHealth(Part.QUEUE.value, name, age <= SILENT, _seconds(age), said)


def _seconds(age: timedelta) -> float:
    return round(age.total_seconds(), 1)
