"""A day that is over, from the figures of its hours: what a month by domain reads instead of seven hundred hours."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import router

from recovery import counting
from recovery.models import RollUp, RollUpDay
from recovery.models.batches import insert_new, run
from recovery.models.roll_ups import COUNTS, DELIVERY
from recovery.models.sums import sums
from recovery.rollup.hours import Key, keys_of, top_domains

DAY: Final = timedelta(days=1)
_COLUMNS: Final = ("begins", *counting.DIMENSIONS, *COUNTS, *DELIVERY, "delivery_slowest")
_MAILS: Final = len(counting.FATES)  # the first of the counts, in which each mail is once


def beginning(hour: datetime) -> datetime:
    """Of the day that an hour is in."""
    return hour.replace(hour=0)


def count(day: datetime) -> list[list[Any]]:
    """The rows of one day. Reads only; one statement."""
    found, mails = dict[Key, tuple[float, list[int]]](), Counter[str]()
    for audience, route, domain, kind, slowest, *numbers in sums(
        RollUp, counting.DIMENSIONS, since=day, until=day + DAY, chosen={}
    ):
        found[audience, route, domain, kind] = slowest, numbers
        mails[domain] += sum(numbers[:_MAILS])
    merged: dict[Key, list[Any]] = defaultdict(lambda: [0] * (len(COUNTS) + len(DELIVERY)))
    longest: dict[Key, float] = defaultdict(float)
    top = top_domains(mails)
    for own, (slowest, numbers) in found.items():
        for each in keys_of(own, top):
            merged[each] = [a + b for a, b in zip(merged[each], numbers, strict=True)]
            longest[each] = max(longest[each], slowest)
    return [[day, *key, *numbers, longest[key]] for key, numbers in merged.items()]


def write(day: datetime, rows: list[list[Any]]) -> None:
    """Put these in the place of what was there of that day, in the caller's transaction."""
    RollUpDay.objects.filter(begins=day)._raw_delete(router.db_for_write(RollUpDay))
    if rows:
        run(RollUpDay, [insert_new(RollUpDay, _COLUMNS, rows)])
