"""How long links live where that follows the measured times (``TOKEN_LIFETIME`` "auto"), for each audience.

Twice what 95 of 100 people need, from the request to the opening: whoever is slower than usual still gets in, and a
link that nobody needs any more dies soon. Between a quarter of an hour and an hour, and an hour while little is known.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Max, Sum

from recovery import counting, link_lives
from recovery.models import LinkLife, RollUp
from recovery.models.roll_ups import ALL, DELIVERY, DELIVERY_BOUNDS, OPENING, OPENING_BOUNDS

MEASURED: Final = timedelta(days=7)
FEWEST: Final = 200  # deliveries, and openings, below which a 95th percentile says little
_SHARE: Final = 0.95


def measure(now: datetime) -> int:
    """Write what is measured of each audience, where it changed; returns of how many it did. Commits each."""
    known = {row.audience: row for row in LinkLife.objects.all()}
    found = {life.audience: life for life in _measured(now)}
    gone = [_life(audience, now, [0], [0], 0.0, 0.0) for audience in known.keys() - found.keys()]
    changed = [life for life in [*found.values(), *gone] if _said(life) != _said(known.get(life.audience))]
    for life in changed:
        life.save()
    return len(changed)


def _measured(now: datetime) -> list[LinkLife]:
    sums = {name: Sum(name) for name in (*DELIVERY, *OPENING)}
    slowest = {f"last_{name}": Max(name) for name in ("delivery_slowest", "opening_slowest")}
    of_week = RollUp.objects.filter(domain=ALL, hour__gt=now - MEASURED).exclude(audience="").order_by()
    rows = of_week.values("audience").annotate(**sums, **slowest)
    return [
        _life(
            row["audience"],
            now,
            [row[name] for name in DELIVERY],
            [row[name] for name in OPENING],
            row["last_delivery_slowest"],
            row["last_opening_slowest"],
        )
        for row in rows
    ]


def _life(
    audience: str,
    now: datetime,
    deliveries: Sequence[int],
    openings: Sequence[int],
    slowest_delivery: float,
    slowest_opening: float,
) -> LinkLife:
    delivery = counting.percentile(deliveries, DELIVERY_BOUNDS, slowest_delivery, _SHARE)
    opening = counting.percentile(openings, OPENING_BOUNDS, slowest_opening, _SHARE)
    life = link_lives.LONGEST
    if delivery is not None and opening is not None and min(sum(deliveries), sum(openings)) >= FEWEST:
        life = max(link_lives.SHORTEST, min(timedelta(seconds=round(2 * (delivery + opening))), link_lives.LONGEST))
    return LinkLife(
        audience=audience,
        seconds=life // timedelta(seconds=1),
        delivery_count=sum(deliveries),
        delivery_p95=delivery,
        opening_count=sum(openings),
        opening_p95=opening,
        measured_at=now,
    )


def _said(life: LinkLife | None) -> tuple[object, ...] | None:
    return life and (life.seconds, life.delivery_count, life.delivery_p95, life.opening_count, life.opening_p95)
