"""What a reading of the chain found, and what it knows meanwhile. Who reads it is ``verifying``."""

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from recovery.audit import offline
from recovery.audit.sealing import LATE, masters, since
from recovery.models import AuditSeal
from recovery.reasons import Damage


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """One thing that does not fit. ``position`` counts the sealed rows from 1; of a row without a seal it is that of
    the row that it stands before. ``key`` is the row's, "" for a seal."""

    position: int
    damage: str
    said: str
    key: str = ""


@dataclass(slots=True)
class Verified:
    """What was looked at, what was found, the first position first, and what nobody could tell."""

    seals: int = 0
    rows: int = 0
    first: int = 1
    last: int = 0
    head: str = ""
    waiting: int = 0
    tardy: int = 0
    anchors: int = 0
    anchored: int = 0
    origins: int = 0
    found: list[Found] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not self.found

    def as_dict(self) -> dict[str, Any]:
        return {"sound": self.is_sound, **asdict(self)}


class Purge(NamedTuple):
    """What a record says of the purge that the chain begins after: the last seal that went, when, and what was sealed
    before when went. Moments as text."""

    number: int
    at: str
    before: str


class Walk:
    """One reading of the chain."""

    def __init__(self) -> None:
        self.told = Verified(head=offline.START)
        self.settled_before = since(LATE)
        self.settled = 0
        self.masters = masters()
        self.missing: list[tuple[int, bytes, bytes]] = []
        self.changed: list[tuple[int, bytes, bytes, bytes]] = []
        self.odd: list[tuple[int, bytes]] = []
        self.unknown: list[AuditSeal] = []
        self.purge: Purge | None = None

    def wrong(self, position: int, damage: Damage, said: str, key: bytes = b"") -> None:
        self.told.found.append(Found(position, damage.value, said, str(UUID(bytes=key)) if key else ""))
