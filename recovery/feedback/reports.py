"""What is told about mail, in our own words: one thing for one recipient, and what could not be read of it."""

import hashlib
from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import le
from typing import Final
from uuid import UUID

from recovery.bounces import Evidence

OLDEST: Final = timedelta(days=365)  # what is told as older than this was told by a clock that was never set

WIDTHS: Final[Mapping[str, int]] = {
    "esp": 40,
    "kind": 16,
    "recipient": 254,
    "event_id": 255,
    "message_id": 255,
    "reject_reason": 32,
    "detail": 1000,
}


@dataclass(slots=True, kw_only=True)
class Report:
    """One thing that a provider says happened to one mail for one recipient. Nobody changes one: it is not frozen
    because making a frozen one takes three times as long, and a batch has thousands.

    ``kind`` is a word of ``EventKind``; ``email_id`` is our own id where it travelled with the mail;
    ``occurred_at`` is None where the provider does not say. Texts become one line each, cut to the width
    of their columns: a provider repeats what strangers' mail servers said. ``raw`` is what was posted, as text;
    ``evidence`` what it says of a failure or complaint, if more is known than the texts say. ``told_once`` is what the
    provider gives to one event and no other, whatever else the event says.
    """

    esp: str
    kind: str
    recipient: str
    occurred_at: datetime | None = None
    event_id: str = ""
    message_id: str = ""
    email_id: UUID | None = None
    reject_reason: str = ""
    detail: str = ""
    raw: str = ""
    evidence: Evidence | None = None
    told_once: str = ""

    def __post_init__(self) -> None:
        said = (
            self.esp, self.kind, self.recipient, self.event_id, self.message_id, self.reject_reason, self.detail,
        )  # fmt: skip
        if "".join(said).isprintable() and all(map(le, map(len, said), WIDTHS.values())):
            return
        for name, width in WIDTHS.items():
            setattr(self, name, one_line(getattr(self, name))[:width])

    def happened_at(self, now: datetime) -> datetime:
        """When it happened, as far as that can be: where a stranger's clock says nonsense, now."""
        said = self.occurred_at
        return said if said and now - OLDEST <= said <= now else now

    @property
    def dedupe_key(self) -> str:
        """Equal for the same report told again. Five providers give no event id, one gives the same id to
        each recipient of a notice, so neither identifies anything alone."""
        if self.told_once:
            parts = [self.esp, "once", one_line(self.told_once)]
        else:
            parts = [self.esp, self.event_id, self.recipient, self.kind]
            if not self.event_id:
                when = self.occurred_at.isoformat() if self.occurred_at else ""
                parts += [self.message_id, str(self.email_id or ""), when, self.reject_reason, self.detail]
        # No part has a line break. 128 bits, and short: this index is written at places that lie far apart.
        digest = hashlib.sha256("\n".join(parts).encode()).digest()
        return b2a_base64(digest[:16], newline=False)[:22].decode()


@dataclass(frozen=True, slots=True)
class Unread:
    """One thing that a provider posted and that could not be read, and why."""

    esp: str
    raw: str
    error: str


@dataclass(frozen=True, slots=True)
class Ingested:
    """How many reports came, were new, belonged to no mail of ours, and how many emails moved; of how many the same
    was told before with another content. ``refused``: how many the database would not take."""

    received: int = 0
    stored: int = 0
    unmatched: int = 0
    moved: int = 0
    swapped: int = 0
    refused: int = 0

    def plus(self, other: "Ingested") -> "Ingested":
        names = self.__slots__
        return Ingested(*[getattr(self, name) + getattr(other, name) for name in names])


def one_line(text: str) -> str:
    """Without line breaks, NUL, lone surrogates: neither a log line nor PostgreSQL can hold them."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
