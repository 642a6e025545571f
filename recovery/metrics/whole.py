"""For monitors: the signs of life and what is wrong, as one answer."""

from dataclasses import dataclass
from typing import Any, Final

from recovery import heartbeats
from recovery.metrics.troubles import Trouble, alarms
from recovery.reasons import Alarm

WORK: Final = frozenset({Alarm.CASES_PILED})
"""What waits for people, and that no restart mends: it is told, and wakes nobody."""


@dataclass(frozen=True, slots=True)
class Condition:
    """``signs`` as heartbeats judge them; ``troubles``: all that is wrong, those of dead parts included."""

    signs: heartbeats.Health
    troubles: list[Trouble]

    @property
    def healthy(self) -> bool:
        return self.signs.healthy and all(trouble.alarm in WORK for trouble in self.troubles)

    def as_dict(self) -> dict[str, Any]:
        alarmed = [trouble.as_dict() for trouble in self.troubles]
        return {**self.signs.as_dict(), "healthy": self.healthy, "alarms": alarmed}


def health() -> Condition:
    """How everything is. Reads only; a database that cannot be read is red itself."""
    signs = heartbeats.health()
    return Condition(signs, alarms(signs))
