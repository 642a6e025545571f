"""The statements that store what was told and find the emails that it is about. ``reports`` runs them."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from functools import cache
from typing import Any, Final

from django.db.models import Field, IntegerField, TextField, UUIDField

from recovery.models.batches import unfold
from recovery.models.bounces import Bounce
from recovery.models.emails import EmailEvent
from recovery.models.moves import sql
from recovery.models.moves.known import OF_EMAIL
from recovery.models.suppressions import Suppression
from recovery.reasons import EXCUSED_RULE

NEWEST: Final = 10  # mails to an address, among which the last that arrived is looked for
MOST_UNMATCHED: Final = 10_000
"""Events of one provider an hour, and what is left of a batch, that are kept though they are about no mail of ours
(yet)."""
STORED: Final = (
    "kind", "occurred_at", "recorded_at", "esp", "esp_message_id", "recipient", "reject_reason", "detail", "error",
    "digest", "content", "dedupe_key",
)  # fmt: skip


def _column(name: str, kind: "Field[Any, Any]") -> "Field[Any, Any]":
    kind.set_attributes_from_name(name)
    return kind


TOLD: Final = [
    _column("own_id", UUIDField()),
    _column("recipient_key", TextField()),
    _column("needs", IntegerField()),
    *(each for name in STORED if isinstance(each := EmailEvent._meta.get_field(name), Field)),
]
PLACES: Final = {field.name: place for place, field in enumerate(TOLD)}
_NAMES: Final = ", ".join(STORED)
_LOOKED_FOR: Final = ("own_id", "recipient_key", "esp_message_id", "esp", "recipient_key", "error", "esp")
_ONCE: Final = "ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING"


class Needs(IntEnum):
    """How much a report makes one need to know of the address: each what those before it say as well."""

    NOTHING = 0
    BANS = 1
    """whether it is suppressed"""
    ARRIVALS = 2
    """when mail last arrived there"""
    EXCUSES = 3
    """when a failure there was first excused"""


@cache
def taking_in(alias: str, most: Needs, *, is_one: bool) -> str:
    """Stores rows of ``TOLD``, which need at ``most`` that. Gives of each new event its key, its dedupe key and, if it
    is about an email, that one's key and facts; on SQLite, ``holding`` gives the facts where there are more events.
    """
    if not sql.is_postgresql():
        return _one(most) if is_one else _many()
    asked = {level: ("true" if is_one else _among(level)) for level in Needs if 0 < level <= most}
    facts = _as_json(_facts(asked))
    # The emails are locked before anything is inserted: counting them makes it so.
    return f"""WITH told AS MATERIALIZED (SELECT {unfold(sql.connection(), TOLD, is_one=is_one)}),
        matched AS MATERIALIZED (SELECT {_matching()} AS email_id, needs, {_NAMES} FROM told),
        held AS MATERIALIZED ({_held("SELECT email_id FROM matched", facts)}),
        stored AS (
            INSERT INTO {_events()} (email_id, {_NAMES}) SELECT email_id, {_NAMES} FROM matched
            WHERE (SELECT count(*) FROM held) >= 0 AND {_kept()}
            ORDER BY dedupe_key {_ONCE} RETURNING id, dedupe_key, email_id)
        SELECT stored.id, stored.dedupe_key, held.id::text, held.facts
        FROM stored LEFT JOIN held ON held.id = stored.email_id"""


def params_of_one(ready: Sequence[Any]) -> list[Any]:
    """What goes with ``taking_in`` of one, from its row of ``TOLD`` as the database writes it."""
    if sql.is_postgresql():
        return list(ready)
    return [*ready[-len(STORED) :], *(ready[PLACES[name]] for name in _LOOKED_FOR)]


def _one(most: Needs) -> str:
    """SQLite takes each value where it belongs faster than from a table of one row."""
    found = _matching(**dict.fromkeys(("own_id", "recipient_key", "esp_message_id", "esp"), "%s"))
    facts = _as_json(_facts({level: "true" for level in Needs if level <= most}))
    # What RETURNING names has no affinity: without the cast, SQLite reads all emails.
    told_of = f"{sql.table()} AS e WHERE e.id = CAST({_events()}.email_id AS text)"
    return (
        f"INSERT INTO {_events()} (email_id, {_NAMES}) SELECT email_id, {', '.join(['%s'] * len(STORED))}"
        f" FROM (SELECT {found} AS email_id) WHERE email_id IS NOT NULL OR %s <> '' OR {_has_room('%s')}"
        f" {_ONCE} RETURNING id, dedupe_key, email_id, (SELECT {facts} FROM {told_of})"
    )


def _many() -> str:
    return (
        f"WITH told AS MATERIALIZED (SELECT {unfold(sql.connection(), TOLD)}),"
        f" matched AS MATERIALIZED (SELECT {_matching()} AS email_id, {_NAMES} FROM told)"
        f" INSERT INTO {_events()} (email_id, {_NAMES}) SELECT email_id, {_NAMES} FROM matched WHERE {_kept()}"
        f" {_ONCE} RETURNING id, dedupe_key, email_id, NULL"
    )


@cache
def holding(alias: str) -> str:
    """Facts of emails, which are held until the transaction ends; in the order of their keys, so that two batches never
    wait for each other crosswise. Takes lists of keys: on PostgreSQL one; on SQLite, which holds all there is, first
    those that need each level from the highest down, then all."""
    listed = "SELECT value FROM json_each(%s)"
    if not sql.is_postgresql():
        known = _facts(dict.fromkeys(Needs, f"e.id IN ({listed})"))
        return f"SELECT {', '.join(known)} FROM {sql.table()} AS e WHERE e.id IN ({listed})"
    keys = "SELECT value::uuid FROM jsonb_array_elements_text(%s::jsonb)"
    return f"SELECT facts FROM ({_held(keys, _as_json(_facts(dict.fromkeys(Needs, 'true'))))}) AS found"


def _facts(asked: Mapping[Needs, str]) -> list[str]:
    """What is known of the email ``e``; of its address each level where its condition holds."""
    quote, postgresql = sql.connection().ops.quote_name, sql.is_postgresql()
    listed = "json_agg" if postgresql else "json_group_array"
    live = (
        f"SELECT {listed}({_as_json(['s.id', 's.reason', 's.kind', 's.since', 's.until'])})"
        f" FROM {quote(Suppression._meta.db_table)} AS s WHERE s.address_key = e.recipient_key AND s.lifted_at IS NULL"
    )
    newest = (
        f"SELECT o.delivered_at FROM {sql.table()} AS o{_by('recovery_email_recipient')}"
        f" WHERE o.recipient_key = e.recipient_key ORDER BY o.queued_at DESC LIMIT {NEWEST}"
    )
    arrived = f"SELECT max(newest.delivered_at) FROM ({newest}) AS newest"
    excused = (
        f"SELECT min(b.occurred_at) FROM {quote(Bounce._meta.db_table)} AS b"
        f" WHERE b.recipient_key = e.recipient_key AND b.rule LIKE '{EXCUSED_RULE}%%'"
    )
    # As text, or Python would make moments of them all.
    of_email = [f"e.{name} || ''" if name.endswith("_at") and not postgresql else f"e.{name}" for name in OF_EMAIL]
    of_address = ((Needs.EXCUSES, excused), (Needs.ARRIVALS, arrived), (Needs.BANS, live))
    return [*of_email, *(_where(asked.get(level, ""), value) for level, value in of_address)]


def _as_json(columns: Sequence[str]) -> str:
    return f"{'json_build_array' if sql.is_postgresql() else 'json_array'}({', '.join(columns)})"


def _where(condition: str, value: str) -> str:
    if condition == "true":
        return f"({value})"
    return f"CASE WHEN {condition} THEN ({value}) END" if condition else "NULL"


def _by(index: str) -> str:
    """SQLite is told its index: for the sake of an order, or of a LIMIT, it reads the whole table by another."""
    return "" if sql.is_postgresql() else f" INDEXED BY {index}"


def _matching(
    own_id: str = "told.own_id",
    recipient_key: str = "told.recipient_key",
    esp_message_id: str = "told.esp_message_id",
    esp: str = "told.esp",
) -> str:
    """The key of the email that is told of. Values are looked for in the order of ``_LOOKED_FOR``."""
    table, is_its = sql.table(), f"e.recipient_key = {recipient_key}"
    by_name = f"e.esp_message_id = {esp_message_id}"
    # The condition on blank message ids is the one under which their index was made.
    return (
        f"coalesce((SELECT e.id FROM {table} AS e WHERE e.id = {own_id} AND {is_its}),"
        f" (SELECT e.id FROM {table} AS e{_by('recovery_email_esp_id')} WHERE {by_name}"
        f" AND NOT (e.esp_message_id = '') AND e.esp = {esp} AND {is_its} LIMIT 1))"
    )


def _kept() -> str:
    """What is about mail of ours, and what could not be read; of the rest so much an hour of each provider: whoever can
    post as one must neither fill the database nor use up what others may tell."""
    # Once for each provider of the batch, not for each of its events.
    used_up = f"SELECT teller.esp FROM (SELECT DISTINCT esp FROM told) AS teller WHERE NOT {_has_room('teller.esp')}"
    return f"(email_id IS NOT NULL OR error <> '' OR esp NOT IN ({used_up}))"


def _has_room(esp: str) -> str:
    of_one = f"o.email_id IS NULL AND o.error = '' AND o.esp = {esp} AND o.recorded_at > {sql.later('-3600')}"
    lately = f"SELECT 1 FROM {_events()} AS o WHERE {of_one} LIMIT {MOST_UNMATCHED}"
    return f"(SELECT count(*) FROM ({lately}) AS lately) < {MOST_UNMATCHED}"


def _among(level: Needs) -> str:
    """Whether an event in the batch needs so much of the email ``e``."""
    return f"e.id IN (SELECT email_id FROM matched WHERE needs >= {level.value})"


def _held(keys: str, facts: str) -> str:
    return (
        f"SELECT e.id, {facts}::text AS facts FROM {sql.table()} AS e WHERE e.id = ANY(ARRAY({keys}))"
        " ORDER BY e.id FOR NO KEY UPDATE OF e"
    )


def _events() -> str:
    return sql.connection().ops.quote_name(EmailEvent._meta.db_table)
