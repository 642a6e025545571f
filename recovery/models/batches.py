"""One statement for any number of rows: they travel as a single JSON parameter that the database unfolds.

``bulk_create`` of 10 000 rows is 41 statements on SQLite, ``bulk_update`` more on both databases; a batch of
a provider's reports must cost the same few statements whatever its size. No signals, no default values:
rows come complete.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Final
from uuid import UUID

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    BooleanField,
    CharField,
    DateTimeField,
    Field,
    FloatField,
    IntegerField,
    JSONField,
    Model,
    TextField,
    UUIDField,
)
from django.db.models.functions import Now
from django.utils import timezone

from recovery.models.emails import Email, EmailEvent
from recovery.models.primary import SKEW, key_at
from recovery.models.statements import Statement, execute

_PLAIN: Final = (BooleanField, CharField, FloatField, IntegerField, TextField)
"""What JSON holds as it is."""


def run(model: type[Model], statements: Sequence[Statement]) -> None:
    """Run them, in the caller's transaction. On PostgreSQL all of them are one, since a round trip costs more than a
    row; they must not touch the same rows."""
    connection = _connection(model)
    if len(statements) > 1 and connection.vendor == "postgresql":
        *firsts, last = statements
        named = ", ".join(f"part{number} AS ({each.sql})" for number, each in enumerate(firsts))
        params = [param for each in statements for param in each.params]
        statements = [Statement(f"WITH {named}, part AS ({last.sql}) SELECT 1", params)]
    with connection.cursor() as cursor:
        for each in statements:
            execute(cursor, each.sql, each.params)


def insert_new(
    model: type[Model], names: Sequence[str], rows: Sequence[Sequence[Any]], *, unique: str = "", then: str = ""
) -> Statement:
    """Insert rows; with ``unique`` those whose value of that column no row has yet, which is unique where it is not
    NULL, unless ``then`` says what to change of the row that is there.

    Sorted by that column, so that two batches with rows in common wait for each other instead of deadlocking.
    """
    if unique:
        key = names.index(unique)
        rows = sorted(rows, key=lambda row: row[key] or "")
    alias = router.db_for_write(model)
    sql = _inserting(alias, model, tuple(names), unique, then, is_one=len(rows) == 1)
    return Statement(sql, told(_makers(alias, model, tuple(names)), rows))


def update_each(model: type[Model], names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Statement:
    """Give each row its own new values. The first name is the key, the others are set."""
    alias = router.db_for_write(model)
    params = told(_makers(alias, model, tuple(names)), rows)
    if len(rows) == 1:
        key, *values = params
        return Statement(_updating_one(alias, model, tuple(names)), [*values, key])
    return Statement(_updating(alias, model, tuple(names)), params)


@cache
def _inserting(alias: str, model: type[Model], names: tuple[str, ...], unique: str, then: str, *, is_one: bool) -> str:
    connection, fields = connections[alias], _fields(model, names)
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    sql = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) SELECT {unfold(connection, fields, is_one=is_one)}"
    if unique:
        where = "" if then else f" WHERE {quote(unique)} IS NOT NULL"
        # "WHERE true" tells SQLite that ON CONFLICT is no join condition.
        sql += f" WHERE true ON CONFLICT ({quote(unique)}){where} DO {then or 'NOTHING'}"
    return sql


@cache
def _updating_one(alias: str, model: type[Model], names: tuple[str, ...]) -> str:
    connection, fields = connections[alias], _fields(model, names)
    quote, postgresql = connection.ops.quote_name, connection.vendor == "postgresql"
    key, *values = [
        f"{quote(str(field.column))} = %s" + (f"::{field.db_type(connection)}" if postgresql else "")
        for field in fields
    ]
    return f"UPDATE {quote(model._meta.db_table)} SET {', '.join(values)} WHERE {key}"  # noqa: S608 - own names


@cache
def _updating(alias: str, model: type[Model], names: tuple[str, ...]) -> str:
    connection, fields = connections[alias], _fields(model, names)
    quote = connection.ops.quote_name
    table, (key, *columns) = quote(model._meta.db_table), [quote(str(field.column)) for field in fields]
    values = ", ".join(f"{column} = told.{column}" for column in columns)
    # Unfolded once, whatever plan the database makes of a table that it has no statistics of yet.
    once = "MATERIALIZED " if connection.vendor == "postgresql" else ""
    rows = f"WITH told AS {once}(SELECT {unfold(connection, fields)})"
    return f"{rows} UPDATE {table} SET {values} FROM told WHERE {table}.{key} = told.{key}"  # noqa: S608 - own names


def unmatched_events(*, since: Any) -> list[tuple[EmailEvent, UUID, str]]:
    """Reports without an email whose message id an email of this age or younger bears by now; with that email's key
    and its recipient, normalised."""
    connection = _connection(EmailEvent)
    event, email = (connection.ops.quote_name(model._meta.db_table) for model in (EmailEvent, Email))
    recent = f"{email}.id >= %s AND {email}.queued_at >= %s"
    where = f"{recent} AND NOT ({email}.esp_message_id = '') AND {event}.email_id IS NULL AND {event}.error = ''"
    # Of each what it says, and not all that was posted: ten thousand may wait.
    told = ("id", "kind", "occurred_at", "esp", "esp_message_id", "recipient", "reject_reason", "detail")
    of_event = ", ".join(f"{event}.{name}" for name in told)
    found = f"{of_event}, {email}.id AS found_id, {email}.recipient_key AS found_key"
    sql = f"SELECT {found} FROM {email} JOIN {event} USING (esp_message_id, esp) WHERE {where}"  # noqa: S608
    first = Email._meta.pk.get_db_prep_value(key_at(since - SKEW), connection)
    moment = connection.ops.adapt_datetimefield_value(since)
    rows: Any = EmailEvent.objects.using(connection.alias).raw(sql, [first, moment])
    return [(row, _uuid(row.found_id), row.found_key) for row in rows]


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))


def _connection(model: type[Model]) -> BaseDatabaseWrapper:
    return connections[router.db_for_write(model)]


def _fields(model: type[Model], names: Sequence[str]) -> "list[Field[Any, Any]]":
    fields = [model._meta.get_field(name) for name in names]
    return [field for field in fields if isinstance(field, Field)]


def unfold(connection: BaseDatabaseWrapper, fields: "Sequence[Field[Any, Any]]", *, is_one: bool = False) -> str:
    """``<column list> FROM <the JSON parameter>``, each value in its column's type; of one row, each is a parameter."""
    quote = connection.ops.quote_name
    if connection.vendor == "postgresql":
        casts = [
            f"{'%s' if is_one else f'(value->>{n})'}::{field.db_type(connection)}" for n, field in enumerate(fields)
        ]
        source = "jsonb_array_elements(%s::jsonb) AS rows(value)"
    else:
        casts = ["%s" if is_one else f"json_extract(value, '$[{n}]')" for n in range(len(fields))]
        # As rows of text first: else SQLite writes each of them anew for every column that is taken out of it.
        source = "(SELECT value FROM json_each(%s) LIMIT -1 OFFSET 0)"
    named = [f"{cast} AS {quote(str(field.column))}" for cast, field in zip(casts, fields, strict=True)]
    return ", ".join(named) if is_one else f"{', '.join(named)} FROM {source}"


def fold(connection: BaseDatabaseWrapper, fields: "Sequence[Field[Any, Any]]", rows: Iterable[Sequence[Any]]) -> str:
    """The rows as JSON text. Moments and keys go in as the database itself writes them; text is text."""
    return json.dumps(ready(makers(connection, fields), rows), default=str)


Makers = list[tuple[int, Callable[[Any], Any]]]


def told(makers: Makers, rows: Sequence[Sequence[Any]]) -> list[Any]:
    """The parameters that go with ``unfold``: the values of one row, or all rows as JSON text."""
    made = ready(makers, rows)
    return made[0] if len(made) == 1 else [json.dumps(made, default=str)]


def makers(connection: BaseDatabaseWrapper, fields: "Sequence[Field[Any, Any]]") -> Makers:
    """What makes values ready, each with the place of its column; the other columns' values are."""
    made = [(place, _maker(connection, field)) for place, field in enumerate(fields)]
    return [(place, make) for place, make in made if make]


def ready(makers: Makers, rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Rows with their values as the database writes them; what it wrote itself stays as it is."""
    found = [list(row) for row in rows]
    for place, make in makers:
        before = made = None  # the moment of recording is one for all
        for row in found:
            if (value := row[place]) is not None:
                if value is not before:
                    before, made = value, make(value)
                row[place] = made
    return found


@cache
def _makers(alias: str, model: type[Model], names: tuple[str, ...]) -> Makers:
    return makers(connections[alias], _fields(model, names))


def _maker(connection: BaseDatabaseWrapper, field: "Field[Any, Any]") -> Any:
    """What makes a value ready; the common types without the questions that Django's fields ask of each."""
    target = getattr(field, "target_field", field)
    if isinstance(target, _PLAIN):
        return None
    if isinstance(target, JSONField):
        return json.dumps
    if isinstance(target, DateTimeField):
        return _moments(connection)
    if isinstance(target, UUIDField):
        return str if connection.features.has_native_uuid_field else _hex
    return partial(field.get_db_prep_save, connection=connection)


def _moments(connection: BaseDatabaseWrapper) -> Any:
    """As the database writes them. Most are in UTC, as it wants them: of those only the zone is left out. ``Now()`` is
    PostgreSQL's own time, when the transaction began; SQLite has no clock but ours."""
    if connection.vendor == "postgresql":
        return lambda value: "now" if isinstance(value, Now) else str(value)
    adapt, is_utc = connection.ops.adapt_datetimefield_value, connection.timezone is UTC

    def written(value: datetime | str | Now) -> Any:
        if isinstance(value, str):
            return value
        if isinstance(value, Now):
            value = timezone.now()
        return value.isoformat(" ")[:-6] if is_utc and value.tzinfo is UTC else adapt(value)

    return written


def _hex(key: UUID | str) -> str:
    return key if isinstance(key, str) else key.hex
