"""Figures as a test asks for them: rolled up at a moment of the past, and read."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import time_machine

from recovery import counting, metrics, rollup
from recovery.metrics import Numbers, Selection
from recovery.models import RollUp, RollUpDay
from recovery.reasons import Figure
from tests.past import AT, DAY, HOUR


@contextmanager
def rolled_up(at: datetime = AT + 3 * HOUR) -> Iterator[None]:
    """It is that moment, and everything was rolled up."""
    with time_machine.travel(at, tick=False):
        whole()
        yield


def whole() -> int:
    """Roll up until nothing is left; returns how many hours were counted."""
    hours, left = 0, True
    while left:
        rolled = rollup.roll_up()
        assert rolled is not None
        hours, left = hours + rolled.hours, rolled.left
    return hours


def window(**chosen: Any) -> Selection:
    """Two days round ``AT``."""
    return metrics.selection(since=AT - DAY, until=AT + DAY, **chosen)


def numbers(selection: Selection | None = None, **chosen: Any) -> Numbers:
    return metrics.in_all(metrics.by_hour(selection or window(**chosen)))


def behind(figure: Figure, at: datetime = AT + 3 * HOUR, selection: Selection | None = None, **chosen: Any) -> int:
    """How many rows a number opens."""
    return counting.rows(figure, selection or window(**chosen), at).count()


def rows() -> list[dict[str, Any]]:
    """All figures as they stand, without what differs each time."""
    found = [*RollUp.objects.order_by("begins", "id").values(), *RollUpDay.objects.order_by("begins", "id").values()]
    plain = [{name: value for name, value in row.items() if name not in ("id", "rolled_at")} for row in found]
    return sorted(plain, key=lambda row: [str(row[name]) for name in ("begins", "audience", "route", "domain", "kind")])


def counted(at: datetime) -> int:
    """How many mails the figures of that hour have."""
    found = numbers(metrics.selection(since=at, until=at + timedelta(seconds=1)))
    return sum(found.counts[fate.value] for fate in counting.FATES)
