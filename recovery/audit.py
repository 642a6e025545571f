"""The only writer of the trail. A state change and its record share the caller's transaction.

No personal data goes in: names, addresses and client addresses stand in the request or email that the row
points to, where they can be erased.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, ParamSpec
from uuid import UUID

from django.utils import timezone

from recovery.models import AuditEvent, Email, ResetRequest
from recovery.models.batches import insert_new
from recovery.models.insertion import insert
from recovery.models.primary import new_key
from recovery.models.statements import Statement

_Facts = ParamSpec("_Facts")


def event(
    action: str,
    *,
    actor_key: str = "",
    user_key: str = "",
    request: ResetRequest | None = None,
    request_id: UUID | None = None,
    email: Email | None = None,
    reason: str = "",
    at: datetime | None = None,
    **detail: Any,
) -> AuditEvent:
    """One row: who (``actor_key``, blank for the person or the app), did what, to whose account. It is not written yet:
    for a caller that writes it together with what it records.

    ``request`` and ``email`` give their ids and the reference; ``reason`` is what staff typed; ``detail``
    must be JSON and free of personal data.
    """
    return AuditEvent(
        action=action,
        actor_key=actor_key,
        user_key=user_key,
        request_id=request.pk if request else request_id,
        reference=request.reference if request else "",
        email_id=email.pk if email else None,
        reason=reason[:500],
        occurred_at=at or timezone.now(),
        detail=detail,
    )


def _writing(described: Callable[_Facts, AuditEvent]) -> Callable[_Facts, AuditEvent]:
    def write(*args: _Facts.args, **facts: _Facts.kwargs) -> AuditEvent:
        row = described(*args, **facts)
        insert(row)
        return row

    return write


record = _writing(event)
"""Write the row that ``event`` describes with the same facts. Raises DatabaseError, which must end the caller's
transaction."""


def record_each(action: str, subjects: Sequence[tuple[str, UUID | None]]) -> None:
    """One row for each account and request to which the same happened by itself, in one statement."""
    events = [AuditEvent(action=action, user_key=user_key, request_id=request) for user_key, request in subjects]
    if events:
        insert(*events)


class Noted(NamedTuple):
    """A row that is not written yet, of one of many things that happened by themselves at once: an instance of the
    model costs more than the row."""

    id: UUID
    occurred_at: datetime
    action: str
    detail: Mapping[str, Any]
    actor_key: str = ""
    user_key: str = ""
    request_id: UUID | None = None
    email_id: UUID | None = None
    reference: str = ""
    reason: str = ""


def noted(action: str, *, at: datetime, **detail: Any) -> Noted:
    """As ``event``, of what nobody did, to be written by ``statement_of``."""
    return Noted(new_key(), at, action, detail)


def statement_of(rows: Sequence[Noted]) -> Statement:
    """Any number of rows that ``noted`` made, to be written together with what they record."""
    return insert_new(AuditEvent, Noted._fields, rows)
