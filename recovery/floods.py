"""Far more asks for recovery than usual: an alarm of ``metrics``, and no limit. One cap for all would let anybody shut
everybody out.

What one address, one account and one place may ask stands in ``limits``. Here somebody is told that all together is
strange: a flood from many places, each below its own limit, or a page of the site that asks in a loop.

Asks are unusual when ten minutes hold ``FEWEST`` asks or more, and more than ``TIMES`` those of the same ten
minutes on any of the seven days before. A hundred, because a handful of places that use up their hourly twenty reach
that, and below it a person looks at the list as fast as a rule does. The same time of day, because nights are quiet and
Monday mornings are not: an average over the day would sound every morning. The most of seven days, so that a weekly
peak is known. Four times, because a mailing to all customers or an outage of the sign-in doubles or trebles what people
ask. A site's first busy hour has no week behind it and may be told once too often.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from recovery.models import ResetRequest
from recovery.models.primary import key_at
from recovery.reasons import Kind, Outcome

WINDOW: Final = timedelta(minutes=10)
DAYS: Final = 7
FEWEST: Final = 100
TIMES: Final = 4
TICK: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Flood:
    """How many asked in ten minutes, at most how many did at this time of other days; how many of them a limit
    refused, and from how many client addresses they came."""

    asks: int
    usual: int
    refused: int
    places: int

    def __str__(self) -> str:
        return (
            f"{self.asks} asks in ten minutes from {self.places} places, at most {self.usual} at this time of the"
            f" last seven days; {self.refused} refused by a limit"
        )


def unusual() -> Flood | None:
    """The flood of the last ten minutes, if there is one; one statement while asks are few. Counts by keys, which bear
    the web servers' clocks: a few seconds more or less are no matter, and no index is needed."""
    now = timezone.now()
    asks = _until(now).count()
    if asks < FEWEST:
        return None
    usual = max(_until(now - timedelta(days=day)).count() for day in range(1, DAYS + 1))
    if asks <= TIMES * usual:
        return None
    facts = _until(now).aggregate(
        refused=Count("pk", filter=Q(outcome=Outcome.THROTTLED)), places=Count("ip", distinct=True)
    )
    return Flood(asks=asks, usual=usual, **facts)


def _until(moment: datetime) -> "QuerySet[ResetRequest]":
    keys = {"pk__gte": key_at(moment - WINDOW), "pk__lt": key_at(moment + TICK)}  # a key counts whole milliseconds
    return ResetRequest.objects.filter(**keys, kind=Kind.FORGOT).order_by()
