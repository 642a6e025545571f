"""What recovery should reach (``TARGETS``), and how it stands: met, missed, or not to be told from what is known.

Mail of which nothing was heard may have arrived or not. A target is met if it would be with none of that arrived, and
missed if it would be with all of it: what lies between is no news, good or bad.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

from recovery.conf import conf
from recovery.metrics.numbers import Numbers, Share
from recovery.reasons import Standing

DELIVERED_WITHIN: Final = "delivered_within"
DELIVERY_SUCCESS: Final = "delivery_success"


@dataclass(frozen=True, slots=True)
class Target:
    """One target: its key in ``TARGETS``, the share that is wanted, what was reached, and mail without news."""

    name: str
    wanted: float
    reached: Share
    no_news: int

    @property
    def standing(self) -> Standing:
        known, samples = self.reached.numerator, self.reached.denominator
        if samples < conf.ALARM_LIMITS["samples"]:
            return Standing.TOO_FEW
        if known >= self.wanted * samples:
            return Standing.MET
        return Standing.MISSED if self.best < self.wanted else Standing.NO_NEWS

    @property
    def best(self) -> float:
        """The share if all mail without news had done well."""
        reached, samples = self.reached.numerator + self.no_news, self.reached.denominator
        return reached / samples if samples else 0.0

    @property
    def budget(self) -> int:
        """How many may do badly for the target to be met."""
        # What a float makes of 0.02 x 50 must not cost a mail.
        return math.floor(round((1 - self.wanted) * self.reached.denominator, 6))

    @property
    def budget_left(self) -> int:
        """How many more may; below zero, how many too many did. Mail without news is not counted against it."""
        return self.budget - (self.reached.denominator - self.reached.numerator - self.no_news)

    def as_dict(self) -> dict[str, Any]:
        return {
            "target": self.name,
            "wanted": self.wanted,
            "standing": self.standing.value,
            "reached": self.reached.as_dict(),
            "budget": self.budget,
            "budget_left": self.budget_left,
        }


def targets(numbers: Numbers) -> list[Target]:
    """How both stand by these numbers."""
    wanted, no_news = conf.TARGETS, numbers.no_news.numerator
    in_time = numbers.within(wanted["delivered_within"].total_seconds())
    timed = Share(in_time.numerator, in_time.denominator + no_news, in_time.of, in_time.base)
    return [
        Target(DELIVERED_WITHIN, wanted["delivered_share"], timed, no_news),
        Target(DELIVERY_SUCCESS, wanted["delivery_success"], numbers.delivery_success, no_news),
    ]
