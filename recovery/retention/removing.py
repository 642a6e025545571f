"""Rows taken away with all that hangs on them, in the caller's transaction; each returns how many of its own went.

Set-wise and without signals: nothing of this app listens to its own rows, and a collector would read them all first.
The keys are one parameter, a list or JSON: to name a thousand one by one takes longer than the statement.
"""

import json
from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from django.db import connections, models, router

from recovery.models import (
    Bounce,
    CaseNote,
    CaseTelling,
    Decision,
    Email,
    EmailEvent,
    Objection,
    RepairMember,
    ResetRequest,
    ResetToken,
    Rotation,
    RotationMember,
    SupportCase,
)


def remove_emails(keys: Sequence[UUID]) -> int:
    """Mails with their events, bounces and objections; links that they carried stay."""
    _delete(Bounce, "email", keys)
    _delete(EmailEvent, "email", keys)
    _delete(Objection, "email", keys)
    _unlink(ResetToken, "email", keys)
    return _delete(Email, "id", keys)


def remove_requests(keys: Sequence[UUID]) -> int:
    """Requests with their decisions and links; mails and cases that followed from them stay."""
    _delete(Decision, "request", keys)
    _delete(ResetToken, "request", keys)
    for model in (Email, SupportCase, RotationMember, RepairMember):
        _unlink(model, "request", keys)
    return _delete(ResetRequest, "id", keys)


def remove_cases(keys: Sequence[UUID]) -> int:
    """Support cases with their notes and news; forced rotations that they were opened for stay."""
    _delete(CaseNote, "case", keys)
    _delete(CaseTelling, "case", keys)
    _unlink(Rotation, "case", keys)
    return _delete(SupportCase, "id", keys)


def remove(rows: "models.QuerySet[Any]") -> int:
    """These rows alone, by one statement."""
    alias = router.db_for_write(rows.model)
    return rows.using(alias).order_by()._raw_delete(alias)


def _delete(model: type[models.Model], column: str, keys: Sequence[UUID]) -> int:
    return _execute(model, "DELETE FROM {table} WHERE {column} {among}", column, keys)


def _unlink(model: type[models.Model], column: str, keys: Sequence[UUID]) -> int:
    return _execute(model, "UPDATE {table} SET {column} = NULL WHERE {column} {among}", column, keys)


def _execute(model: type[models.Model], sql: str, column: str, keys: Sequence[UUID]) -> int:
    if not keys:
        return 0
    connection = connections[router.db_for_write(model)]
    is_postgresql = connection.vendor == "postgresql"
    quote, field = connection.ops.quote_name, cast("models.Field[Any, Any]", model._meta.get_field(column))
    among = "= ANY(%s)" if is_postgresql else "IN (SELECT value FROM json_each(%s))"
    given: Any = list(keys) if is_postgresql else json.dumps([key.hex for key in keys])
    with connection.cursor() as cursor:
        table = quote(model._meta.db_table)
        cursor.execute(sql.format(table=table, column=quote(str(field.column)), among=among), [given])
        return int(cursor.rowcount)
