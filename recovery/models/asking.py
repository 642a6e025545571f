"""One ask in one statement, on PostgreSQL: tries counted, request and trail written, one round trip, one commit.

Five round trips (BEGIN, three statements, COMMIT) take a millisecond and a half there, most of it waiting. SQLite
knows no INSERT within WITH, and needs none: its statements take hundredths of a millisecond.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import connections, router
from django.db.models import CharField, Field, Model

from recovery.models.audit import AuditEvent
from recovery.models.requests import SWEEP_GRACE, ResetRequest
from recovery.reasons import Outcome

_REQUEST: Mapping[str, str] = {
    "outcome": f"CASE WHEN refused THEN '{Outcome.THROTTLED.value}' ELSE '{Outcome.RECEIVED.value}' END",
    "requested_at": "now",
    "decided_at": "CASE WHEN refused THEN now END",
    "next_try_at": f"now + make_interval(secs => {SWEEP_GRACE / timedelta(seconds=1)})",
}
_EVENT: Mapping[str, str] = {"occurred_at": "now", "detail": "CASE WHEN refused THEN %s ELSE %s END::jsonb"}


def insert_ask(
    request: ResetRequest,
    event: AuditEvent,
    *,
    refused: Mapping[str, Any],
    counting: str,
    params: Sequence[Any],
    limits: Mapping[int, int],
    place: int,
) -> tuple[bool, datetime, datetime | None]:
    """Count by the statement ``counting``, and write the request as received with the trail row ``event``, or as
    throttled and that row with the detail ``refused`` if a count is past its limit. Returns whether it is, the
    database's time, which all rows bear, and when the key ``place`` is free again, if it is that one which is past its
    limit. Commits by itself outside a transaction.
    """
    connection = connections[router.db_for_write(ResetRequest)]
    values = [
        *params,
        *(value for bound in limits.items() for value in bound),
        place,
        limits[place],
        *[getattr(request, attribute) for attribute in _attributes(ResetRequest, *_REQUEST)],
        *[getattr(event, attribute) for attribute in _attributes(AuditEvent, *_EVENT)],
        json.dumps(refused),
        json.dumps(event.detail),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_statement(connection.alias, counting, len(limits)), values)
        is_refused, now, free_again_at = cursor.fetchone()
    return bool(is_refused), now, free_again_at


@cache
def _statement(alias: str, counting: str, limits: int) -> str:
    most = " ".join(["WHEN %s THEN %s::integer"] * limits)
    return (
        f"WITH taken AS ({counting}), "  # noqa: S608 - names of our own tables; every value is a parameter
        f"verdict AS (SELECT bool_or(count > CASE key {most} END) AS refused, min(now) AS now,"
        f" max(window_ends_at) FILTER (WHERE key = %s AND count > %s) AS free_again_at FROM taken), "
        f"request AS ({_insert(ResetRequest, _REQUEST, alias)}) "
        f"{_insert(AuditEvent, _EVENT, alias)} RETURNING"
        " (SELECT refused FROM verdict), occurred_at, (SELECT free_again_at FROM verdict)"
    )


def _insert(model: type[Model], given: Mapping[str, str], alias: str) -> str:
    """What the row gives comes first, as in ``_attributes``, then what the statement finds out."""
    quote = connections[alias].ops.quote_name
    fields = sorted(model._meta.concrete_fields, key=lambda field: field.name in given)
    columns = ", ".join(quote(str(field.column)) for field in fields)
    values = ", ".join(given.get(field.name, f"%s{_cast(field, alias)}") for field in fields)
    return f"INSERT INTO {quote(model._meta.db_table)} ({columns}) SELECT {values} FROM verdict"  # noqa: S608


def _cast(field: "Field[Any, Any]", alias: str) -> str:
    return "" if isinstance(field, CharField) else f"::{field.db_type(connections[alias])}"


@cache
def _attributes(model: type[Model], *given: str) -> list[str]:
    """What is taken from the row as it is: text, numbers, keys and moments are the driver's own types."""
    return [field.attname for field in model._meta.concrete_fields if field.name not in given]
