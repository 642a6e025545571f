"""Rows taken away with all that hangs on them, in the caller's transaction; each returns how many of its own went.

Set-wise and without signals: nothing of this app listens to its own rows, and a collector would read them all first.
Keys that are no span are one parameter, a list or JSON: to name a thousand one by one takes longer than the statement.
"""

import json
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
from recovery.retention.batches import Keys, Span


def remove_emails(keys: Keys) -> int:
    """Mails with their events, bounces and objections; links that they carried stay, and point to nothing."""
    _delete(Bounce, "email", keys)
    _delete(EmailEvent, "email", keys)
    _delete(Objection, "email", keys)
    return _delete(Email, "id", keys)


def remove_strays(before: UUID) -> int:
    """What was noted of mails at the very moment at which an earlier purge took them, which no constraint forbids: of
    those with keys before this one and before that of any mail there is. Returns how many events."""
    oldest = Email.objects.order_by("pk").values_list("pk", flat=True).first()
    gone = 0
    for model in (Bounce, Objection, EmailEvent):
        gone = remove(model._default_manager.filter(email_id__lt=min(oldest or before, before)))
    return gone


def remove_requests(keys: Keys) -> int:
    """Requests with their decisions and links; mails and cases that followed from them stay."""
    _delete(Decision, "request", keys)
    _delete(ResetToken, "request", keys)
    for model in (Email, SupportCase, RotationMember, RepairMember):
        _unlink(model, "request", keys)
    return _delete(ResetRequest, "id", keys)


def remove_cases(keys: Keys) -> int:
    """Support cases with their notes and news; forced rotations that they were opened for stay."""
    _delete(CaseNote, "case", keys)
    _delete(CaseTelling, "case", keys)
    _unlink(Rotation, "case", keys)
    return _delete(SupportCase, "id", keys)


def remove(rows: "models.QuerySet[Any]") -> int:
    """These rows alone, by one statement."""
    alias = router.db_for_write(rows.model)
    return rows.using(alias).order_by()._raw_delete(alias)


def _delete(model: type[models.Model], column: str, keys: Keys) -> int:
    return _execute(model, "DELETE FROM {table} WHERE {where}", column, keys)


def _unlink(model: type[models.Model], column: str, keys: Keys) -> int:
    return _execute(model, "UPDATE {table} SET {column} = NULL WHERE {where}", column, keys)


def _execute(model: type[models.Model], sql: str, column: str, keys: Keys) -> int:
    if not keys:
        return 0
    connection = connections[router.db_for_write(model)]
    is_postgresql, quote = connection.vendor == "postgresql", connection.ops.quote_name
    field = cast("models.Field[Any, Any]", model._meta.get_field(column))
    if isinstance(keys, Span):
        where = "{column} > %s AND {column} <= %s"
        given: list[Any] = [key if is_postgresql else key.hex for key in (keys.after, keys.last)]
    elif is_postgresql:
        where, given = "{column} = ANY(%s)", [list(keys)]
    else:
        where, given = "{column} IN (SELECT value FROM json_each(%s))", [json.dumps([key.hex for key in keys])]
    named = {"table": quote(model._meta.db_table), "column": quote(str(field.column))}
    with connection.cursor() as cursor:
        cursor.execute(sql.format(where=where.format(**named), **named), given)
        return int(cursor.rowcount)
