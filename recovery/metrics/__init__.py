"""How recovery does: the four numbers, their targets, and what is wrong now. Reads only, and figures, not mail.

Callers import this package as ``metrics``. What is counted stands in ``counting``; ``rollup`` writes what is read here.
"""

from recovery.counting import Selection
from recovery.metrics.numbers import (
    Numbers,
    Share,
    by_dimension,
    by_dimensions,
    by_hour,
    in_all,
    in_other_domains,
    limit,
    percent,
    rolled_at,
    values,
)
from recovery.metrics.targets import Target, targets
from recovery.metrics.troubles import Trouble, alarms
from recovery.metrics.whole import TOLD, Condition, health, told
from recovery.metrics.windows import DAY, HOUR, ceiling, parse, selection

__all__ = [
    "DAY",
    "HOUR",
    "TOLD",
    "Condition",
    "Numbers",
    "Selection",
    "Share",
    "Target",
    "Trouble",
    "alarms",
    "by_dimension",
    "by_dimensions",
    "by_hour",
    "ceiling",
    "health",
    "in_all",
    "in_other_domains",
    "limit",
    "parse",
    "percent",
    "rolled_at",
    "selection",
    "targets",
    "told",
    "values",
]
