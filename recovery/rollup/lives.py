"""How long links live where that follows the measured times (``TOKEN_LIFETIME`` "auto"), for each audience.

Twice what 95 of 100 people need, from the request to the opening: whoever is slower than usual still gets in, and a
link that nobody needs any more dies soon. Between a quarter of an hour and an hour, and an hour while little is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Max, Sum

from recovery import counting, link_lives
from recovery.models import LinkLife, RollUp
from recovery.models.roll_ups import ALL, DELIVERY, DELIVERY_BOUNDS, OPENING, OPENING_BOUNDS
from recovery.reasons import Kind

SHARE: Final = 0.95
ASKED_FOR: Final = (Kind.FORGOT, Kind.ADMIN)
"""Somebody waits for these links. One that follows a forced rotation lies until its reader next wants to sign in."""


def measure(now: datetime) -> int:
    """Write what is measured of each audience, where it changed; returns of how many it did. Commits each."""
    known = {row.audience: row for row in LinkLife.objects.all()}
    found = {life.audience: life for life in _measured(now)}
    nothing = _Measured((), 0.0)
    gone = [_life(audience, now, nothing, nothing) for audience in known.keys() - found.keys()]
    changed = [
        life for life in [*found.values(), *gone]
        if life.audience not in known or _said(life) != _said(known[life.audience])
    ]  # fmt: skip
    for life in changed:
        life.save()
    return len(changed)


def _measured(now: datetime) -> list[LinkLife]:
    sums = {f"sum_{name}": Sum(name) for name in (*DELIVERY, *OPENING)}
    slowest = (Max("delivery_slowest"), Max("opening_slowest"))
    of_week = RollUp.objects.filter(domain=ALL, begins__gt=now - link_lives.MEASURED)
    of_week = of_week.filter(kind__in=ASKED_FOR).exclude(audience__in=("", ALL)).order_by()
    rows = of_week.values_list("audience").annotate(*slowest, **sums)
    return [
        _life(
            audience, now, _Measured(numbers[: len(DELIVERY)], delivery), _Measured(numbers[len(DELIVERY) :], opening)
        )
        for audience, delivery, opening, *numbers in rows
    ]


@dataclass(frozen=True, slots=True)
class _Measured:
    """Durations of one kind, by bucket."""

    counts: Sequence[int]
    slowest: float

    @property
    def number(self) -> int:
        return sum(self.counts)


def _life(audience: str, now: datetime, deliveries: _Measured, openings: _Measured) -> LinkLife:
    delivery = counting.percentile(deliveries.counts, DELIVERY_BOUNDS, deliveries.slowest, SHARE)
    opening = counting.percentile(openings.counts, OPENING_BOUNDS, openings.slowest, SHARE)
    life = link_lives.LONGEST
    if delivery is not None and opening is not None and min(deliveries.number, openings.number) >= link_lives.FEWEST:
        measured = timedelta(seconds=round(2 * (delivery + opening)))
        life = max(link_lives.SHORTEST, min(measured, link_lives.LONGEST))
    return LinkLife(
        audience=audience,
        seconds=life // timedelta(seconds=1),
        delivery_count=deliveries.number,
        delivery_p95=delivery,
        opening_count=openings.number,
        opening_p95=opening,
        measured_at=now,
    )


def _said(life: LinkLife) -> tuple[object, ...]:
    return life.seconds, life.delivery_count, life.delivery_p95, life.opening_count, life.opening_p95
