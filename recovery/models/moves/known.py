"""An email while reports about it are folded, and what is known of its recipient's address; ``matching`` asks it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

OF_EMAIL: Final = (
    "id", "kind", "recipient_key", "user_key", "request_id", "state", "reason", "esp", "esp_message_id",
    "handed_over_at", "delivered_at",
)  # fmt: skip


_NO_BANS: Final[Sequence[Any]] = (None, "[]", [])


@dataclass(slots=True)
class Ban:
    """A suppression of an address that was not lifted; it may be over."""

    id: UUID
    reason: str
    kind: str
    since: datetime
    until: datetime | None


@dataclass(slots=True)
class Known:
    """An email that is held until the transaction ends, and what is known of its recipient's address, where an event
    makes it matter.

    Key and moments are as the database wrote them until somebody needs more: a batch has a thousand of them, and most
    are only written back.
    """

    key: str
    kind: str
    recipient_key: str
    user_key: str
    request_id: str | None
    state: str
    reason: str
    esp: str
    esp_message_id: str
    handed_over_at: datetime | str | None
    delivered_at: datetime | str | None
    excused_at: datetime | None = None  # the first failure at the address that a first time excuses
    last_delivered_at: datetime | None = None  # of the newest mails to the address
    bans: list[Ban] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        return UUID(self.key)


class Stored(NamedTuple):
    """A new event, when it happened, and its email if it is about one."""

    event_id: int
    occurred_at: datetime
    email: Known | None


def known(facts: Sequence[Any]) -> Known:
    """From the columns of ``OF_EMAIL`` as text, and three facts about the address, each None where nobody asked."""
    email, (excused, arrived, bans) = Known(*facts[:-3]), facts[-3:]
    if excused or arrived:
        email.excused_at, email.last_delivered_at = moment(excused), moment(arrived)
    if bans not in _NO_BANS:
        email.bans = [_ban(*each) for each in (json.loads(bans) if isinstance(bans, str) else bans)]
    return email


def moment(written: datetime | str | None) -> datetime | None:
    """SQLite's have no zone, and mean UTC."""
    if not isinstance(written, str):
        return written
    at = datetime.fromisoformat(written)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _ban(key: str, reason: str, kind: str, since: str, until: str | None) -> Ban:
    began = moment(since)
    assert began is not None
    return Ban(UUID(key), reason, kind, began, moment(until))
