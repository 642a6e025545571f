"""What providers reported: events that are stored once, and emails brought to what they say."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, TextField, UUIDField

from recovery.models import batches
from recovery.models.batches import run, unfold, update_each
from recovery.models.bounces import Bounce
from recovery.models.emails import Email, EmailEvent
from recovery.models.moves import sql
from recovery.models.statements import Statement, execute
from recovery.models.suppressions import Suppression
from recovery.reasons import EXCUSED_RULE, EventKind

FACTS: Final = ("state", "reason", "esp", "esp_message_id", "handed_over_at", "delivered_at")
"""What a report can change of an email."""
NEWEST: Final = 10  # mails to an address, among which the last that arrived is looked for
MOST_UNMATCHED: Final = 10_000
"""Events of one provider an hour, and what is left of a batch, that are kept though they are about no mail of ours
(yet)."""
STORED: Final = (
    "kind",
    "occurred_at",
    "recorded_at",
    "esp",
    "esp_message_id",
    "recipient",
    "reject_reason",
    "detail",
    "dedupe_key",
)


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
    makes it matter."""

    id: UUID
    kind: str
    recipient_key: str
    user_key: str
    state: str
    reason: str
    esp: str
    esp_message_id: str
    handed_over_at: datetime | None
    delivered_at: datetime | None
    last_delivered_at: datetime | None = None  # of the newest mails to the address
    excused_at: datetime | None = None  # the first failure at the address that a first time excuses
    bans: list[Ban] = field(default_factory=list)


@dataclass(slots=True)
class Stored:
    """A new event, and its email if it is about one."""

    event_id: int
    email: Known | None


def take_in(told: Iterable[Sequence[Any]], *, failures: frozenset[str]) -> dict[str, Stored]:
    """Store what is new and hold the emails that it is about, in one statement of the caller's transaction.

    A row of ``told``: our own id of the email or None, the recipient normalised, and the values of ``STORED``. Only an
    email to that recipient is meant: by our own id first, which is known before the provider's. Whoever can post an
    event must not be able to speak about mail to somebody else. Past ``MOST_UNMATCHED``, what is about none is not
    stored. Returns new events by their ``dedupe_key``.
    ``failures``: the kinds for which it matters when mail last arrived at the address; for those and for deliveries it
    matters whether the address is suppressed.
    """
    connection = sql.connection()
    rows = sorted(told, key=lambda row: row[-1])
    sql.one_at_a_time(str(row[_RECIPIENT]) for row in rows if row[_KIND] in failures)
    params = batches.told(_makers(connection.alias), rows)
    text = _taking_in(connection.alias, *_asked(rows, failures), is_one=len(rows) == 1)
    emails: dict[str, Known] = {}
    stored = _rows(connection, text, params)
    known = json.loads(f"[{','.join(facts or 'null' for _, _, facts in stored)}]")
    return {
        key: Stored(event_id, _known(facts, emails) if facts else None)
        for (event_id, key, _), facts in zip(stored, known, strict=True)
    }


def hold(ids: Iterable[UUID]) -> dict[UUID, Known]:
    """These emails, held until the caller's transaction ends; in the order of their keys, so that two batches never
    wait for each other crosswise."""
    params = [json.dumps([str(sql.key(each)) for each in set(ids)])]
    connection = sql.connection()
    found = [_known(json.loads(facts), {}) for (facts,) in _rows(connection, _holding(connection.alias), params)]
    return {each.id: each for each in found}


def report(
    facts: Sequence[Sequence[Any]],
    *,
    changed: Collection[str] = FACTS,
    moved: Mapping[UUID, str],
    further: Sequence[Statement] = (),
) -> None:
    """Give emails their folded facts, in the caller's transaction, which holds them; and run what goes with it.

    A row of ``facts`` is an email's key and its ``FACTS``, of which ``changed`` differ from what is there: what is not
    written leaves its indexes alone. ``moved`` are the new states of those whose state changed.
    """
    written = [number for number, name in enumerate(FACTS, 1) if name in changed]
    rows = [[row[0], *(row[number] for number in written)] for row in facts]
    names = ["id", *(FACTS[number - 1] for number in written)]
    statements = [*([update_each(Email, names, rows)] if rows else []), *further]
    if statements:
        run(Email, statements)
    sql.announce(moved)


def _column(name: str, kind: "Field[Any, Any]") -> "Field[Any, Any]":
    kind.set_attributes_from_name(name)
    return kind


_TOLD: Final = [
    _column("own_id", UUIDField()),
    _column("recipient_key", TextField()),
    *(each for name in STORED if isinstance(each := EmailEvent._meta.get_field(name), Field)),
]
_RECIPIENT, _KIND = 1, 2  # their places in a row
_OF_EMAIL: Final = (
    "id", "kind", "recipient_key", "user_key", "state", "reason", "esp", "esp_message_id", "handed_over_at",
    "delivered_at",
)  # fmt: skip


@cache
def _makers(alias: str) -> list[Any]:
    return batches.makers(connections[alias], _TOLD)


def _rows(connection: BaseDatabaseWrapper, text: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        execute(cursor, text, params)
        return list(cursor.fetchall())


def _known(facts: list[Any], emails: dict[str, Known]) -> Known:
    """One object for each email, however many events are about it."""
    key, kind, recipient_key, user_key, state, reason, esp, message_id, *more = facts
    handed_over, delivered, last, excused, bans = more
    known = emails.get(key)
    if known is None:
        known = Known(
            UUID(key), kind, recipient_key, user_key, state, reason, esp, message_id, _moment(handed_over),
            _moment(delivered),
        )  # fmt: skip
        emails[key] = known
    if last:
        known.last_delivered_at = _at(last)
    if excused:
        known.excused_at = _at(excused)
    if bans and not known.bans:
        known.bans = [Ban(UUID(pk), why, of, _at(since), _moment(until)) for pk, why, of, since, until in bans]
    return known


def _at(text: str) -> datetime:
    """SQLite's have no zone, and mean UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(text: str | None) -> datetime | None:
    return _at(text) if text else None


def _facts(alias: str, *, last: str = "true", bans: str = "true") -> str:
    """What is known of the email ``e``, as JSON; of its address where these conditions hold, and not where they are
    blank."""
    quote, postgresql = connections[alias].ops.quote_name, sql.is_postgresql()
    array, listed = ("json_build_array", "json_agg") if postgresql else ("json_array", "json_group_array")
    live = (
        f"SELECT {listed}({array}(s.id, s.reason, s.kind, s.since, s.until))"
        f" FROM {quote(Suppression._meta.db_table)} AS s"
        " WHERE s.address_key = e.recipient_key AND s.lifted_at IS NULL"
    )
    newest = (
        f"SELECT o.delivered_at FROM {sql.table()} AS o{_by('recovery_email_recipient')}"
        " WHERE o.recipient_key = e.recipient_key"
        f" ORDER BY o.queued_at DESC LIMIT {NEWEST}"
    )
    arrived = f"(SELECT max(newest.delivered_at) FROM ({newest}) AS newest)"
    excused = (
        f"(SELECT min(b.occurred_at) FROM {quote(Bounce._meta.db_table)} AS b"
        f" WHERE b.recipient_key = e.recipient_key AND b.rule LIKE '{EXCUSED_RULE}%%')"
    )
    known = [*(f"e.{name}" for name in _OF_EMAIL), _where(last, arrived), _where(last, excused)]
    return f"{array}({', '.join(known)}, {_where(bans, f'({live})' if postgresql else f'json(({live}))')})"


def _where(condition: str, value: str) -> str:
    if condition == "true":
        return value
    return f"CASE WHEN {condition} THEN {value} END" if condition else "NULL"


def _by(index: str) -> str:
    """SQLite is told its index: for the sake of an order, or of a LIMIT, it reads the whole table by another."""
    return "" if sql.is_postgresql() else f" INDEXED BY {index}"


def _matching() -> str:
    """The key of the email that ``told`` is about."""
    # The condition on blank message ids is the one under which their index was made.
    return f"""coalesce(
        (SELECT e.id FROM {sql.table()} AS e WHERE e.id = told.own_id AND e.recipient_key = told.recipient_key),
        (SELECT e.id FROM {sql.table()} AS e{_by("recovery_email_esp_id")} WHERE e.esp_message_id = told.esp_message_id
            AND NOT (e.esp_message_id = '') AND e.esp = told.esp AND e.recipient_key = told.recipient_key LIMIT 1))"""


def _asked(rows: Sequence[Sequence[Any]], failures: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """For which kinds it matters when mail last arrived, and for which whether the address is suppressed; none where no
    row is of those kinds."""
    kinds = {row[_KIND] for row in rows}
    matter = failures | {EventKind.DELIVERED}
    return failures if kinds & failures else frozenset(), matter if kinds & matter else frozenset()


@cache
def _taking_in(alias: str, failed: frozenset[str], matter: frozenset[str], *, is_one: bool) -> str:
    connection = connections[alias]
    table = connection.ops.quote_name(EmailEvent._meta.db_table)
    names = ", ".join(STORED)
    once = "ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING"
    told = unfold(connection, _TOLD, is_one=is_one)
    last, bans = ("true" if kinds and is_one else _among(kinds, table) for kinds in (failed, matter))
    facts = _facts(alias, last=last, bans=bans)
    if not sql.is_postgresql():
        # What RETURNING names has no affinity: without the cast, SQLite reads all emails for each event.
        return f"""WITH told AS MATERIALIZED (SELECT {told}),
            matched AS MATERIALIZED (SELECT {_matching()} AS email_id, {names} FROM told)
            INSERT INTO {table} (email_id, {names}) SELECT email_id, {names} FROM matched WHERE {_kept(table)} {once}
            RETURNING id, dedupe_key,
                (SELECT {facts} FROM {sql.table()} AS e WHERE e.id = CAST({table}.email_id AS text))"""
    # The emails are locked before anything is inserted: counting them makes it so.
    return f"""WITH told AS MATERIALIZED (SELECT {told}),
        matched AS MATERIALIZED (SELECT {_matching()} AS email_id, {names} FROM told),
        held AS MATERIALIZED ({_held("SELECT email_id FROM matched", facts)}),
        stored AS (
            INSERT INTO {table} (email_id, {names}) SELECT email_id, {names} FROM matched
            WHERE (SELECT count(*) FROM held) >= 0 AND {_kept(table)}
            ORDER BY dedupe_key {once} RETURNING id, dedupe_key, email_id)
        SELECT stored.id, stored.dedupe_key, held.facts FROM stored LEFT JOIN held ON held.id = stored.email_id"""


def _kept(table: str) -> str:
    """What is about mail of ours; of the rest so much an hour of each provider: whoever can post as one must neither
    fill the database nor use up what others may tell."""
    of_one = f"o.email_id IS NULL AND o.esp = teller.esp AND o.recorded_at > {sql.later('-3600')}"
    lately = f"SELECT 1 FROM {table} AS o WHERE {of_one} LIMIT {MOST_UNMATCHED}"
    number = f"SELECT count(*) FROM ({lately}) AS lately"
    # Once for each provider of the batch, not for each of its events.
    used_up = f"SELECT teller.esp FROM (SELECT DISTINCT esp FROM told) AS teller WHERE ({number}) >= {MOST_UNMATCHED}"
    return f"(email_id IS NOT NULL OR esp NOT IN ({used_up}))"


def _among(kinds: frozenset[str], table: str) -> str:
    """Whether the email ``e`` has an event of these kinds in the batch; on SQLite, whether this event is one."""
    if not kinds:
        return ""
    if not sql.is_postgresql():
        return f"{table}.kind IN ({sql.words(sorted(kinds))})"
    return f"e.id IN (SELECT email_id FROM matched WHERE kind IN ({sql.words(sorted(kinds))}))"


def _held(keys: str, facts: str) -> str:
    lock = "FOR NO KEY UPDATE OF e" if sql.is_postgresql() else ""
    chosen = f"= ANY(ARRAY({keys}))" if sql.is_postgresql() else f"IN ({keys})"
    cast = "::text" if sql.is_postgresql() else ""
    return f"SELECT e.id, {facts}{cast} AS facts FROM {sql.table()} AS e WHERE e.id {chosen} ORDER BY e.id {lock}"


@cache
def _holding(alias: str) -> str:
    listed = "SELECT value::uuid FROM jsonb_array_elements_text(%s::jsonb)"
    keys = listed if sql.is_postgresql() else "SELECT value FROM json_each(%s)"
    return f"SELECT facts FROM ({_held(keys, _facts(alias))}) AS found"
