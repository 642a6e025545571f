"""Support cases, the ladder's last step: opened and closed by themselves, worked on by staff, told to targets.

Callers import this package as ``cases``. Rows and what follows share a commit; the network comes after it.
"""

from recovery.cases.opening import close_answered, close_late, end, open_for, open_for_many
from recovery.cases.telling import Target, configured, given_up, tell, tell_due
from recovery.cases.working import assign, close, note, open_by_hand, tell_again

__all__ = [
    "Target",
    "assign",
    "close",
    "close_answered",
    "close_late",
    "configured",
    "end",
    "given_up",
    "note",
    "open_by_hand",
    "open_for",
    "open_for_many",
    "tell",
    "tell_again",
    "tell_due",
]
