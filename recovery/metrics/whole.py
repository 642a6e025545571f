"""For machines, as one answer: the numbers of a selection; and for monitors the signs of life and what is wrong."""

from dataclasses import dataclass
from typing import Any, Final

from recovery import heartbeats
from recovery.counting import Selection
from recovery.metrics.numbers import by_hour, in_all, in_other_domains, rolled_at
from recovery.metrics.targets import targets
from recovery.metrics.troubles import Trouble, alarms
from recovery.reasons import Alarm

TOLD: Final = frozenset(
    {
        Alarm.CASES_PILED,
        Alarm.ASKS_UNUSUAL,
        Alarm.LOCKOUTS_MANY,
        Alarm.AGENT_VOLUME,
        Alarm.ANCHOR_NOT_TOLD,
        Alarm.NOT_REVOKED,
        Alarm.NOT_ROTATED,
        Alarm.CASE_NOT_TOLD,
        Alarm.RENDER_ERROR,
        Alarm.POISON,
    }
)
"""What no restart mends: work that waits or was given up, floods from outside, a busy member of staff. It is told
as any alarm is, and turns nothing red: a stranger must not be able to have a monitor take the site out of use."""


@dataclass(frozen=True, slots=True)
class Condition:
    """``signs`` as heartbeats judge them; ``troubles``: all that is wrong, those of dead parts included."""

    signs: heartbeats.Health
    troubles: list[Trouble]

    @property
    def healthy(self) -> bool:
        return self.signs.healthy and all(trouble.alarm in TOLD for trouble in self.troubles)

    def as_dict(self) -> dict[str, Any]:
        alarmed = [trouble.as_dict() for trouble in self.troubles]
        return {**self.signs.as_dict(), "healthy": self.healthy, "alarms": alarmed}


def health() -> Condition:
    """How everything is. Reads only; a database that cannot be read is red itself."""
    signs = heartbeats.health()
    return Condition(signs, alarms(signs))


def told(selection: Selection) -> dict[str, Any]:
    """The four numbers of these, with their targets. Reads only."""
    numbers, rolled = in_all(by_hour(selection)), rolled_at()
    return {
        "since": selection.since.isoformat(),
        "until": selection.until.isoformat(),
        "of": selection.chosen,
        "rolled_at": rolled.isoformat() if rolled else None,
        "in_other_domains": in_other_domains(selection),
        **numbers.as_dict(),
        "targets": [target.as_dict() for target in targets(numbers)],
    }
