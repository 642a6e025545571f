"""One statement for any number of rows: they travel as a single JSON parameter that the database unfolds.

``bulk_create`` of 10 000 rows is 41 statements on SQLite, ``bulk_update`` more on both databases; a batch of
a provider's reports must cost the same few statements whatever its size. No signals, no default values:
rows come complete.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, CharField, Field, FloatField, IntegerField, Model, TextField

from recovery.models.emails import Email, EmailEvent

_PLAIN: Final = (BooleanField, CharField, FloatField, IntegerField, TextField)
"""What JSON holds as it is."""


def insert_new(model: type[Model], names: Sequence[str], rows: Sequence[Sequence[Any]], *, unique: str) -> int:
    """Insert the rows whose ``unique`` column no row has yet, which is unique where it is not NULL; returns how many
    went in.

    Sorted by that column, so that two batches with rows in common wait for each other instead of deadlocking.
    """
    connection = _connection(model)
    quote = connection.ops.quote_name
    fields = _fields(model, names)
    key = names.index(unique)
    columns = ", ".join(quote(str(field.column)) for field in fields)
    # "WHERE true" tells SQLite that ON CONFLICT is no join condition.
    sql = (
        f"INSERT INTO {quote(model._meta.db_table)} ({columns}) SELECT {unfold(connection, fields)} "
        f"WHERE true ON CONFLICT ({quote(unique)}) WHERE {quote(unique)} IS NOT NULL DO NOTHING"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [fold(connection, fields, sorted(rows, key=lambda row: row[key]))])
        return int(cursor.rowcount)


def update_each(model: type[Model], names: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
    """Give each row its own new values. The first name is the key, the others are set."""
    connection = _connection(model)
    quote = connection.ops.quote_name
    fields = _fields(model, names)
    table, (key, *columns) = quote(model._meta.db_table), [quote(str(field.column)) for field in fields]
    values = ", ".join(f"{column} = told.{column}" for column in columns)
    # Unfolded once, whatever plan the database makes of a table that it has no statistics of yet.
    once = "MATERIALIZED " if connection.vendor == "postgresql" else ""
    told = f"WITH told AS {once}(SELECT {unfold(connection, fields)})"
    sql = f"{told} UPDATE {table} SET {values} FROM told WHERE {table}.{key} = told.{key}"  # noqa: S608 - own names
    with connection.cursor() as cursor:
        cursor.execute(sql, [fold(connection, fields, rows)])
        return int(cursor.rowcount)


def lock_emails(ids: Iterable[UUID], message_ids: Iterable[str]) -> list[Email]:
    """The emails with one of these ids or provider's message ids, held until the transaction ends.

    Locked in the order of their keys, so that two batches never wait for each other crosswise; and not
    against new events, which only refer to the key. SQLite has one writer at a time anyway.
    """
    connection = _connection(Email)
    is_postgresql = connection.vendor == "postgresql"
    table = connection.ops.quote_name(Email._meta.db_table)
    listed = "jsonb_array_elements_text(%s::jsonb) AS listed(value)" if is_postgresql else "json_each(%s)"
    by_id = f"SELECT {'value::uuid' if is_postgresql else 'value'} FROM {listed}"  # noqa: S608 - own names
    # The condition on blank message ids is the one under which their index was made. A union, because
    # PostgreSQL reads the whole table for an OR of two lists.
    by_message = (
        f"SELECT id FROM {table} "  # noqa: S608 - own names
        f"WHERE esp_message_id IN (SELECT value FROM {listed}) AND NOT (esp_message_id = '')"
    )
    columns = "id, recipient_key, state, reason, esp, esp_message_id, handed_over_at, delivered_at"
    lock = "FOR NO KEY UPDATE" if is_postgresql else ""
    sql = f"SELECT {columns} FROM {table} WHERE id IN ({by_id} UNION {by_message}) ORDER BY id {lock}"  # noqa: S608
    keys = [Email._meta.pk.get_db_prep_value(key, connection) for key in set(ids)]
    params = [json.dumps(keys, default=str), json.dumps(sorted(set(message_ids)))]
    return list(Email.objects.using(connection.alias).raw(sql, params))


def unmatched_events(*, since: Any) -> list[EmailEvent]:
    """Reports without an email whose message id an email of this age or younger bears by now."""
    connection = _connection(EmailEvent)
    event, email = (connection.ops.quote_name(model._meta.db_table) for model in (EmailEvent, Email))
    where = f"{email}.queued_at >= %s AND NOT ({email}.esp_message_id = '') AND {event}.email_id IS NULL"
    sql = f"SELECT {event}.* FROM {email} JOIN {event} USING (esp_message_id, esp) WHERE {where}"  # noqa: S608
    moment = connection.ops.adapt_datetimefield_value(since)
    return list(EmailEvent.objects.using(connection.alias).raw(sql, [moment]))


def _connection(model: type[Model]) -> BaseDatabaseWrapper:
    return connections[router.db_for_write(model)]


def _fields(model: type[Model], names: Sequence[str]) -> "list[Field[Any, Any]]":
    fields = [model._meta.get_field(name) for name in names]
    return [field for field in fields if isinstance(field, Field)]


def unfold(connection: BaseDatabaseWrapper, fields: "Sequence[Field[Any, Any]]") -> str:
    """``<column list> FROM <the JSON parameter>``, each value in its column's type."""
    quote = connection.ops.quote_name
    if connection.vendor == "postgresql":
        casts = [f"(value->>{n})::{field.db_type(connection)}" for n, field in enumerate(fields)]
        source = "jsonb_array_elements(%s::jsonb) AS rows(value)"
    else:
        casts = [f"json_extract(value, '$[{n}]')" for n in range(len(fields))]
        source = "json_each(%s)"
    named = [f"{cast} AS {quote(str(field.column))}" for cast, field in zip(casts, fields, strict=True)]
    return f"{', '.join(named)} FROM {source}"


def fold(connection: BaseDatabaseWrapper, fields: "Sequence[Field[Any, Any]]", rows: Iterable[Sequence[Any]]) -> str:
    """The rows as JSON text. Moments and keys go in as the database itself writes them; text is text."""
    plain = [isinstance(field, _PLAIN) for field in fields]
    ready = [
        [
            value if is_plain else field.get_db_prep_save(value, connection)
            for field, is_plain, value in zip(fields, plain, row, strict=True)
        ]
        for row in rows
    ]
    return json.dumps(ready, default=str)
