"""What providers reported: events that are stored once, and emails brought to what they say."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from recovery.models.batches import insert_new, update_each
from recovery.models.emails import Email, EmailEvent
from recovery.models.moves import sql

FACTS: Final = ("state", "reason", "esp", "esp_message_id", "handed_over_at", "delivered_at")
"""What a report can change of an email."""


def report(
    columns: Sequence[str],
    events: Sequence[Sequence[Any]],
    facts: Sequence[Sequence[Any]],
    *,
    moved: Mapping[UUID, str],
) -> int:
    """Store reports and give emails their folded facts, in the caller's transaction, which holds those emails.

    ``columns`` name the values of ``events``, with ``dedupe_key`` among them; a row of ``facts`` is an email's key and
    its ``FACTS``; ``moved`` are the new states of those whose state changed. Returns how many reports were new.
    """
    stored = insert_new(EmailEvent, columns, events, unique="dedupe_key") if events else 0
    if facts:
        update_each(Email, ["id", *FACTS], facts)
    sql.announce(moved)
    return stored
