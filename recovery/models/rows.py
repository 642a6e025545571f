"""Rows by SQL whose text is made once: a link's pages take four to eight statements, each for a row or two.

``raw()`` and ``get()`` compile the query, its columns and their converters anew each time, which costs about ten times
what the statement costs on SQLite. What comes back are ordinary instances.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from django.db import connections, router
from django.db.models import Field, Manager, Model, QuerySet

Row = TypeVar("Row", bound=Model)
Other = TypeVar("Other", bound=Model)
Converter = Callable[..., Any]


@cache
def columns(model: type[Model]) -> str:
    """All columns of ``model``, for a SELECT or RETURNING that ``read`` gets."""
    quote = connections[router.db_for_write(model)].ops.quote_name
    table = quote(model._meta.db_table)
    return ", ".join(f"{table}.{quote(str(field.column))}" for field in model._meta.concrete_fields)


def read(model: type[Row], sql: str, params: Sequence[Any], *, using: str | None = None) -> list[Row]:
    """The rows of ``sql``, which asks for the ``columns`` of ``model``; from the database that is written to."""
    alias = using or router.db_for_write(model)
    return [_made(model, alias, values) for values in _rows(sql, params, alias)]


def read_pairs(model: type[Row], other: type[Other], sql: str, params: Sequence[Any]) -> list[tuple[Row, Other]]:
    """As ``read``, of a join that asks for the columns of ``model`` and then for those of ``other``."""
    alias, width = router.db_for_write(model), len(model._meta.concrete_fields)
    return [
        (_made(model, alias, values[:width]), _made(other, alias, values[width:]))
        for values in _rows(sql, params, alias)
    ]


def of_key(manager: "Manager[Row]", key: Any) -> Row | None:
    """What ``manager.get(pk=key)`` gives, or None. Raises ValidationError or ValueError for what cannot be a key."""
    if not _is_plain(manager):
        return manager.filter(pk=key).first()
    model, alias = manager.model, manager.db
    own = [_value(model._meta.pk, key, alias)]
    return next(iter(read(model, _by_key(model, alias), own, using=alias)), None)


def change(manager: "Manager[Row]", key: Any, *, to: Mapping[str, Any], if_still: Mapping[str, Any]) -> bool:
    """What ``manager.filter(pk=key, **if_still).update(**to)`` does; False if there was no such row any more."""
    if not _is_plain(manager) or None in if_still.values():
        return bool(manager.filter(pk=key, **if_still).update(**to))
    model, alias = manager.model, router.db_for_write(manager.model)
    fields = {field.name: field for field in model._meta.concrete_fields}
    conditions = {str(model._meta.pk.name): key, **if_still}
    values = [_value(fields[name], value, alias) for name, value in [*to.items(), *conditions.items()]]
    with connections[alias].cursor() as cursor:
        cursor.execute(_changing(model, alias, tuple(to), tuple(conditions)), values)
        return bool(cursor.rowcount)


def _is_plain(manager: "Manager[Any]") -> bool:
    """Whether its rows are those of one table with one key: no manager that chooses rows, no inherited tables."""
    chooses = type(manager).get_queryset is not Manager.get_queryset
    own_queryset = getattr(manager, "_queryset_class", QuerySet) is not QuerySet
    return not (chooses or own_queryset or manager.model._meta.parents or len(manager.model._meta.pk_fields) > 1)


def _value(field: "Field[Any, Any]", value: Any, alias: str) -> Any:
    return field.get_db_prep_value(field.get_prep_value(value), connections[alias], prepared=True)


@cache
def _changing(model: type[Model], alias: str, names: tuple[str, ...], conditions: tuple[str, ...]) -> str:
    quote, field = connections[alias].ops.quote_name, model._meta.get_field
    of = {name: quote(str(field(name).column)) for name in (*names, *conditions)}  # type: ignore[union-attr]
    values = ", ".join(f"{of[name]} = %s" for name in names)
    where = " AND ".join(f"{of[name]} = %s" for name in conditions)
    return f"UPDATE {quote(model._meta.db_table)} SET {values} WHERE {where}"


def _rows(sql: str, params: Sequence[Any], alias: str) -> list[tuple[Any, ...]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, params)
        return cast("list[tuple[Any, ...]]", cursor.fetchall())


def _made(model: type[Row], alias: str, found: Sequence[Any]) -> Row:
    names, converters = _plan(model, alias)
    values, connection = list(found), connections[alias]
    for position, expression, each in converters:
        for convert in each:
            values[position] = convert(values[position], expression, connection)
    return model.from_db(alias, names, values)


@cache
def _by_key(model: type[Model], alias: str) -> str:
    quote = connections[alias].ops.quote_name
    table, key = quote(model._meta.db_table), quote(str(model._meta.pk.column))
    return f"SELECT {columns(model)} FROM {table} WHERE {key} = %s"


@cache
def _plan(model: type[Model], alias: str) -> tuple[list[str], list[tuple[int, Any, list[Converter]]]]:
    """Names of the attributes, and which columns the database's or the field's converters make Python values of."""
    connection = connections[alias]
    fields = model._meta.concrete_fields
    converters = []
    for position, field in enumerate(fields):
        expression = field.get_col(model._meta.db_table)
        each = [*connection.ops.get_db_converters(expression), *expression.get_db_converters(connection)]
        if each:
            converters.append((position, expression, each))
    return [field.attname for field in fields], converters


def stored(model: type[Model], field: "Field[Any, Any]", value: Any) -> Any:
    """A value as SQL that is not the ORM's gives it to this model's database."""
    return field.get_db_prep_value(value, connections[router.db_for_write(model)], prepared=False)
