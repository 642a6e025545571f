"""Windows of time as people name them, in full hours: the figures know no smaller ones."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from recovery.counting import Selection

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
_UNITS: Final = {"h": HOUR, "d": DAY}
LONGEST: Final = 10_000  # of a unit; longer than anything is kept


def selection(*, since: datetime, until: datetime, **chosen: Any) -> Selection:
    """From the beginning of the hour of ``since`` to the end of that of ``until``."""
    return Selection(since=floor(since), until=ceiling(until), **chosen)


def parse(text: str, now: datetime) -> datetime:
    """``24h`` or ``7d`` before ``now``, or a date or moment of ISO 8601, in the current time zone unless it says.
    Raises ValueError for anything else."""
    if found := re.fullmatch(r"(\d{1,5})([hd])", text.strip()):
        number = min(int(found[1]), LONGEST)
        return now - number * _UNITS[found[2]]
    moment = parse_datetime(text.strip()) or _midnight(text.strip())
    if moment is None:
        raise ValueError(f"{text!r} is neither a span such as 24h or 7d nor a date or moment such as 2026-11-20T10:00.")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def floor(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def ceiling(moment: datetime) -> datetime:
    begun = floor(moment)
    return begun if begun == moment else begun + HOUR


def _midnight(text: str) -> datetime | None:
    day = parse_date(text)
    return datetime(day.year, day.month, day.day) if day else None  # noqa: DTZ001 - made aware by the caller
