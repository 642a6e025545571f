"""INSERT of one instance without compiling a query: the hot paths write two to four rows per request.

An ORM ``create()`` costs about 0.25 ms on SQLite where the statement itself costs 0.015; here the SQL text
is made once per model and database. No signals, no ``refresh``: rows of this app have none.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import datetime
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import AutoField, CharField, DateTimeField, Field, Model, PositiveSmallIntegerField, UUIDField
from django.db.models.functions import Now
from django.utils import timezone

from recovery.models.primary import atomic

_OWN_TYPES: Final[Mapping[Any, type]] = {
    CharField: str,
    DateTimeField: datetime,
    PositiveSmallIntegerField: int,
    UUIDField: UUID,
}
"""The type that a field's values usually have, where nothing but the database decides how they are written."""


def insert(*instances: Model, after: tuple[str, list[Any]] | None = None) -> None:
    """Write new instances, those of one model in one statement; ``after`` an UPDATE. All or nothing.

    In the caller's transaction, or in one of its own. On PostgreSQL all of it is one statement, since a round trip
    costs more than a row, and needs no transaction around it. Keys must be set by the
    instance (UUID defaults); a database-made key is left out and not read back. An instance may have another
    ``beside`` it, which is written with it; a moment may be ``Now()``, which the database fills in.
    """
    if not instances:
        return
    instances += tuple(other for each in instances if (other := getattr(each, "beside", None)))
    parts = [_insertion(model, list(rows)) for model, rows in groupby(instances, key=type)]
    if after:
        parts.insert(0, _Insertion(parts[0].connection, *after))
    if len(parts) > 1 and parts[0].connection.vendor == "postgresql":
        parts = [_joined(parts)]
    connection = parts[0].connection
    is_whole = len(parts) == 1 or connection.in_atomic_block
    with nullcontext() if is_whole else atomic(type(instances[0])), connection.cursor() as cursor:
        for part in parts:
            cursor.execute(part.sql, part.values)
    for instance in instances:
        instance._state.adding = False
        instance._state.db = connection.alias


_hex: Final = attrgetter("hex")


class _Insertion(NamedTuple):
    connection: BaseDatabaseWrapper
    sql: str
    values: list[Any]


def _insertion(model: type[Model], rows: list[Model]) -> _Insertion:
    connection = connections[router.db_for_write(model)]
    columns = _columns(model)
    head, row = _statement(model, connection.alias)
    written: dict[type, Callable[[Any], Any]] = {datetime: connection.ops.adapt_datetimefield_value}
    if not connection.features.has_native_uuid_field:
        written[UUID] = _hex
    values, texts = list[Any](), list[str]()
    for instance in rows:
        texts.append(row)
        for field, attribute, own_type in columns:
            value: Any = getattr(instance, attribute)
            if type(value) is Now:
                value = timezone.now()
                setattr(instance, attribute, value)
                if connection.vendor == "postgresql":
                    texts[-1] = _with_own_time(model, attribute, connection.alias)
                    continue
            if type(value) is own_type:
                value = written[own_type](value) if own_type in written else value
            elif value is not None:
                value = field.get_db_prep_save(field.pre_save(instance, add=True), connection)
            values.append(value)
    return _Insertion(connection, head + ", ".join(texts), values)


def _joined(parts: list[_Insertion]) -> _Insertion:
    """All in one statement; PostgreSQL judges foreign keys at its end."""
    *firsts, last = parts
    named = ", ".join(f"part{number} AS ({part.sql})" for number, part in enumerate(firsts))
    return _Insertion(last.connection, f"WITH {named} {last.sql}", [value for part in parts for value in part.values])


@cache
def _columns(model: type[Model]) -> list[tuple["Field[Any, Any]", str, type | None]]:
    """Each column's field, its attribute, and the usual type of its values."""
    fields = [f for f in model._meta.concrete_fields if not isinstance(f, AutoField)]
    return [(f, f.attname, _OWN_TYPES.get(type(f))) for f in fields]


@cache
def _with_own_time(model: type[Model], attribute: str, alias: str) -> str:
    """The row of ``_statement``, where the database says when. SQLite has no clock but ours."""
    places = ["STATEMENT_TIMESTAMP()" if name == attribute else "%s" for _, name, _ in _columns(model)]
    return "(" + ", ".join(places) + ")"


@cache
def _statement(model: type[Model], alias: str) -> tuple[str, str]:
    quote = connections[alias].ops.quote_name
    columns = _columns(model)
    names = ", ".join(quote(str(field.column)) for field, _, _ in columns)
    return (
        f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ",
        "(" + ", ".join(["%s"] * len(columns)) + ")",
    )
