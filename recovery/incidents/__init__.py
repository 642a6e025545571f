"""Incidents: mails with links that failed for one cause, and the people behind them who cannot get in.

``finding`` reads and writes nothing; ``repairing`` sends fresh links to those who still need one, at a pace. Callers
import this package as ``incidents``.
"""

from recovery.incidents.finding import (
    FEWEST,
    LONGEST_LIST,
    MOST,
    OTHER,
    Found,
    Incident,
    Person,
    Which,
    find,
    mails,
    needy,
    word_and_rule,
)
from recovery.incidents.repairing import repair, repair_due, repairs_due, stop, work_on

__all__ = [
    "FEWEST",
    "LONGEST_LIST",
    "MOST",
    "OTHER",
    "Found",
    "Incident",
    "Person",
    "Which",
    "find",
    "mails",
    "needy",
    "repair",
    "repair_due",
    "repairs_due",
    "stop",
    "word_and_rule",
    "work_on",
]
