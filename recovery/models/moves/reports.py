"""What providers reported: events that are stored once, and emails brought to what they say."""

import json
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from recovery.models import batches
from recovery.models.batches import run, update_each
from recovery.models.emails import Email
from recovery.models.moves import matching, sql
from recovery.models.moves.known import Known, Stored, known
from recovery.models.moves.matching import Needs
from recovery.models.statements import Statement, execute

FACTS: Final = ("state", "reason", "esp", "esp_message_id", "handed_over_at", "delivered_at")
"""What a report can change of an email."""
_RECIPIENT, _NEEDS, _AT, _ONCE = (
    matching.PLACES[name] for name in ("recipient_key", "needs", "occurred_at", "dedupe_key")
)
_dedupe_key: Final = itemgetter(_ONCE)


def take_in(told: Iterable[Sequence[Any]]) -> dict[str, Stored]:
    """Store what is new and hold the emails that it is about, in one statement of the caller's transaction; SQLite
    needs a second for more than one.

    A row of ``told``: our own id of the email or None, the recipient normalised, how much must be known of that address
    (``Needs``), and the values of ``STORED``. Only an email to that recipient is meant: by our own id first, which is
    known before the provider's. Whoever can post an event must not be able to speak about mail to somebody else. Past
    ``MOST_UNMATCHED``, what is about none is not stored, unless it has an error. Returns new events by their
    ``dedupe_key``.
    """
    rows = sorted(told, key=_dedupe_key)
    connection, is_one = sql.connection(), len(rows) == 1
    most = Needs(max(row[_NEEDS] for row in rows))
    if most >= Needs.ARRIVALS and connection.vendor == "postgresql":
        sql.one_at_a_time(str(row[_RECIPIENT]) for row in rows if row[_NEEDS] >= Needs.ARRIVALS)
    ready = batches.ready(_makers(connection.alias), rows)
    params = matching.params_of_one(ready[0]) if is_one else [json.dumps(ready, default=str)]
    stored = _rows(connection, matching.taking_in(connection.alias, most, is_one=is_one), params)
    by_key = {row[_ONCE]: row for row in rows}
    if is_one or connection.vendor == "postgresql":
        facts = {key: text for _, _, key, text in stored if key}
        emails = {key: known(json.loads(text)) for key, text in facts.items()}
    else:
        emails = _held([(key, by_key[once][_NEEDS]) for _, once, key, _ in stored if key])
    return {once: Stored(event_id, by_key[once][_AT], emails.get(key)) for event_id, once, key, _ in stored}


def hold(ids: Iterable[UUID]) -> dict[UUID, Known]:
    """These emails, held until the caller's transaction ends, and all that can be known of their addresses."""
    return {each.id: each for each in _held([(str(sql.key(each)), max(Needs)) for each in set(ids)]).values()}


def _held(asked: Collection[tuple[str, Needs]]) -> dict[str, Known]:
    """By their keys as the database writes them."""
    if not asked:
        return {}
    connection, keys = sql.connection(), json.dumps([key for key, _ in asked])
    text = matching.holding(connection.alias)
    if connection.vendor == "postgresql":
        found = [known(json.loads(facts)) for (facts,) in _rows(connection, text, [keys])]
    else:
        levels = (Needs.EXCUSES, Needs.ARRIVALS, Needs.BANS)
        needing = [json.dumps([key for key, needs in asked if needs >= level]) for level in levels]
        found = [known(facts) for facts in _rows(connection, text, [*needing, keys])]
    return {each.key: each for each in found}


def report(
    facts: Sequence[Sequence[Any]],
    *,
    changed: Collection[str] = FACTS,
    moved: Sequence[Known],
    further: Sequence[Statement] = (),
) -> None:
    """Give emails their folded facts, in the caller's transaction, which holds them; and run what goes with it.

    A row of ``facts`` is an email's key and its ``FACTS``, of which ``changed`` differ from what is there: what is not
    written leaves its indexes alone. ``moved`` are those whose state changed.
    """
    written = [number for number, name in enumerate(FACTS, 1) if name in changed]
    rows = sorted([row[0], *[row[number] for number in written]] for row in facts)  # as they lie, page by page
    names = ["id", *[FACTS[number - 1] for number in written]]
    statements = [*([update_each(Email, names, rows)] if rows else []), *further]
    if statements:
        run(Email, statements)
    sql.announce({each.id: each.state for each in moved} if sql.is_anybody_told() else {})


@cache
def _makers(alias: str) -> list[Any]:
    return batches.makers(connections[alias], matching.TOLD)


def _rows(connection: BaseDatabaseWrapper, text: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        execute(cursor, text, params)
        return list(cursor.fetchall())
