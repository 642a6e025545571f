"""What counts as what: the one definition of each figure, for whoever counts rows and for whoever shows them.

``rollup`` groups rows by these conditions, and the lists behind a number filter by them, so that they add up. Which of
them stand in which number, and why, is written in docs/metrics.md. Callers import this package as ``counting``.
"""

from recovery.counting.fates import (
    EXPECTED,
    FATES,
    LINK_FATES,
    NOT_ARRIVED,
    delivery_time,
    fate,
    is_fate,
    link_fate,
    opening_time,
)
from recovery.counting.histograms import percentile, within
from recovery.counting.rows import model_of, rows
from recovery.counting.selecting import (
    DIMENSIONS,
    LINK_MAIL,
    LISTS,
    Selection,
    acts,
    cases,
    complaints,
    mails,
    of_acts,
    of_cases,
    of_mails,
    of_requests,
    requests,
)

__all__ = [
    "DIMENSIONS",
    "EXPECTED",
    "FATES",
    "LINK_FATES",
    "LINK_MAIL",
    "LISTS",
    "NOT_ARRIVED",
    "Selection",
    "acts",
    "cases",
    "complaints",
    "delivery_time",
    "fate",
    "is_fate",
    "link_fate",
    "mails",
    "model_of",
    "of_acts",
    "of_cases",
    "of_mails",
    "of_requests",
    "opening_time",
    "percentile",
    "requests",
    "rows",
    "within",
]
