"""Sums over the figures of hours and days, by SQL whose text is made once.

A window of a month sums forty columns of thousands of rows. The ORM makes each of the sums an integer once more, by a
function of its own for every column, which takes longer than the database does.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db import connections, router

from recovery.models.roll_ups import ALL, COUNTS, DELIVERY, Counts


def sums(
    model: type[Counts], by: tuple[str, ...], *, since: datetime, until: datetime, chosen: Mapping[str, str]
) -> list[tuple[Any, ...]]:
    """For each value of the columns ``by``: those, the slowest delivery, and the sums of ``COUNTS`` and ``DELIVERY``.

    ``chosen``: what other columns must be; no domain means each of them apart. Where neither asks for audience, route
    or kind, the rows are read that hold all of them together.
    """
    connection = connections[router.db_for_write(model)]
    moments = [connection.ops.adapt_datetimefield_value(moment) for moment in (since, until)]
    with connection.cursor() as cursor:
        cursor.execute(_summing(connection.alias, model, by, tuple(chosen)), [*moments, *chosen.values()])
        return list(cursor.fetchall())


def moment(begins: Any) -> datetime:
    """What a sum by ``begins`` gives, as a moment. SQLite's have no zone, and mean UTC."""
    found = begins if isinstance(begins, datetime) else datetime.fromisoformat(begins)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@cache
def _summing(alias: str, model: type[Counts], by: tuple[str, ...], chosen: tuple[str, ...]) -> str:
    quote = connections[alias].ops.quote_name
    summed = ", ".join(f"sum({quote(name)})" for name in (*COUNTS, *DELIVERY))
    conditions = ["begins >= %s", "begins < %s", *(f"{quote(name)} = %s" for name in chosen)]
    if "domain" not in chosen:
        conditions.append(f"domain <> '{ALL}'")
    if not {"audience", "route", "kind"} & {*by, *chosen}:
        conditions.append(f"audience = '{ALL}'")
    elif "audience" not in chosen:
        conditions.append(f"audience <> '{ALL}'")
    columns = ", ".join(map(quote, by))
    return (
        f"SELECT {columns}, max(delivery_slowest), {summed} FROM {quote(model._meta.db_table)}"  # noqa: S608
        f" WHERE {' AND '.join(conditions)} GROUP BY {columns}"
    )
