"""What moves an email from one state to the next: the only place that writes ``Email.state`` once it is there.

Each function writes rows and their events together, and tells the site after the commit. Which verb leads from where
to where stands in ``reasons.MOVES``.
"""

from recovery.models.moves.changes import Move, allows, answered, move, statement
from recovery.models.moves.claims import Claimed, claim, expire_late, free
from recovery.models.moves.known import Ban, Known, Stored, moment
from recovery.models.moves.matching import STORED, Needs
from recovery.models.moves.reports import FACTS, hold, report, take_in
from recovery.models.moves.sql import announce, one_at_a_time

__all__ = [
    "FACTS",
    "STORED",
    "Ban",
    "Claimed",
    "Known",
    "Move",
    "Needs",
    "Stored",
    "allows",
    "announce",
    "answered",
    "claim",
    "expire_late",
    "free",
    "hold",
    "moment",
    "move",
    "one_at_a_time",
    "report",
    "statement",
    "take_in",
]
