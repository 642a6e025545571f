"""Guessing is stopped at the limit: counts sign-ins, locks and unlocks.

Callers import this package as ``lockouts``. ``counting`` admits a try before its password is judged and settles it
after; ``episodes`` are the rows that people see and lift; ``statements`` is the SQL of both, ``apart`` the connection
that it runs on; ``proving`` asks the password of somebody who is signed in. Who calls ``enter`` is ``backends``; who is
told of a lock is decided in ``notices``.
"""

from recovery.lockouts.apart import apart, close, close_old
from recovery.lockouts.counting import Admission, Attempt
from recovery.lockouts.episodes import CAP, lift, lift_automatic, lock, standing, untold
from recovery.lockouts.erasing import episodes_of, forget, forget_places
from recovery.lockouts.forgetting import outlook, purge, purgeable
from recovery.lockouts.keys import Counters, Meant, counters, of_all, of_name, of_source
from recovery.lockouts.proving import check_password
from recovery.lockouts.statements import MOST_IN_A_ROW

__all__ = [
    "CAP",
    "MOST_IN_A_ROW",
    "Admission",
    "Attempt",
    "Counters",
    "Meant",
    "apart",
    "check_password",
    "close",
    "close_old",
    "counters",
    "episodes_of",
    "forget",
    "forget_places",
    "lift",
    "lift_automatic",
    "lock",
    "of_all",
    "of_name",
    "of_source",
    "outlook",
    "purge",
    "purgeable",
    "standing",
    "untold",
]
