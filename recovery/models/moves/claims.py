"""Mail that a worker takes, and what happens to mail without asking anybody: its worker died, or it is too late."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from recovery.models.emails import WAITING, Email, EmailEvent
from recovery.models.insertion import insert
from recovery.models.moves import sql
from recovery.models.primary import atomic
from recovery.models.rows import columns, read
from recovery.reasons import MOVES, EmailReason, EmailState, EmailVerb, EventKind

_SURELY_NOT_SENT: Final = (EmailState.QUEUED, EmailState.DEFERRED)


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a worker holds: the emails, the urgent first; who holds them; the database's time of the claim."""

    emails: list[Email]
    owner: UUID
    at: datetime


def claim(
    *,
    owner: UUID,
    ids: Sequence[UUID] | None = None,
    most: int = 1,
    lease: timedelta,
    blocked: Sequence[tuple[str, Sequence[str]]] = (),
) -> Claimed:
    """Take mails under a lease, count the try and note when it began, in one statement of the caller's transaction.

    With ``ids``: those of them that are due. Without: at most ``most`` that are due, the urgent
    and then the oldest first. ``blocked``: (audience, kinds) that no route takes now. Claims of several workers never
    overlap; what another one is claiming at this moment is passed over, not waited for.
    """
    if ids is not None and not ids:
        return Claimed([], owner, timezone.now())
    is_open, params = _not_blocked(blocked)
    if ids is None:
        which = f"{_due()}{is_open}"
    else:
        which = f"id IN ({', '.join(['%s'] * len(ids))}) AND {_due()}{is_open}"
        params = [*map(sql.key, ids), *params]
    changes = f"""
        state = '{EmailState.SENDING}', attempt_count = attempt_count + 1, strike_count = strike_count + 1,
        claimed_at = {sql.now()}, lease_owner = %s, lease_until = {sql.later("%s")}"""
    emails = _taken(
        which,
        params,
        most=most if ids is None else len(ids),
        order="priority, next_try_at",
        index="recovery_email_due" if ids is None else "",
        changes=changes,
        values=[sql.key(owner), lease.total_seconds()],
    )
    if not emails:
        return Claimed([], owner, timezone.now())
    emails.sort(key=lambda email: (email.priority, email.next_try_at or email.queued_at))
    at = emails[0].claimed_at
    assert at is not None
    return Claimed(emails, owner, at)


def free(*, most: int = 200) -> list[UUID]:
    """Mail whose worker died is ``unknown``: it may have left, and another worker may take it at once. Commits.

    Until one does, its owner's name stays: where that worker was only slow, its hand-over is noted, and nothing is sent
    a second time.
    """
    changes = f"""
        state = '{MOVES[EmailVerb.FREE][1]}', reason = '{EmailReason.WORKER_DIED}', doubt_count = doubt_count + 1,
        next_try_at = {sql.now()}, lease_until = NULL"""
    return _each(_abandoned(), "lease_until", changes, index="recovery_email_lease", most=most, event=EventKind.FREED)


def expire_late(*, most: int = 500) -> list[UUID]:
    """Waiting mail past its time ends as expired, where it was surely never sent. Commits."""
    changes = f"""
        state = '{MOVES[EmailVerb.EXPIRE][1]}', reason = '{EmailReason.PAST_SEND_BY}',
        lease_owner = NULL, lease_until = NULL"""
    return _each(
        _late(), "priority, next_try_at", changes, index="recovery_email_due", most=most, event=EventKind.EXPIRED
    )


def _each(which: str, order: str, changes: str, *, index: str, most: int, event: EventKind) -> list[UUID]:
    ends_try = event == EventKind.FREED
    with atomic(Email):
        emails = _taken(which, [], most=most, order=order, index=index, changes=changes, values=[])
        if emails:
            insert(
                *[
                    EmailEvent(
                        email=email, kind=event, detail=email.reason, claimed_at=email.claimed_at if ends_try else None
                    )
                    for email in emails
                ]
            )
        sql.announce({email.pk: email.state for email in emails})
    return [email.pk for email in emails]


def _taken(
    which: str, params: Sequence[Any], *, most: int, order: str, index: str, changes: str, values: Sequence[Any]
) -> list[Email]:
    """Change the first ``most`` of the rows that nobody else is changing, in one statement; as they are afterwards.

    SQLite is told its ``index``: without statistics it takes that of the states, and sorts the whole queue each time.
    """
    table = sql.table()
    by = f" INDEXED BY {index}" if index and not sql.is_postgresql() else ""
    found = f"SELECT id FROM {table}{by} WHERE {which} ORDER BY {order} LIMIT %s"
    if not sql.is_postgresql():
        text = f"UPDATE {table} SET {changes} WHERE id IN ({found}) RETURNING {columns(Email)}"
        return read(Email, text, [*values, *params, most])
    # Materialized: looked for once, whatever plan is made. No key is changed, so that events may be added meanwhile.
    text = (
        f"WITH found AS MATERIALIZED ({found} FOR NO KEY UPDATE SKIP LOCKED) "
        f"UPDATE {table} SET {changes} FROM found WHERE {table}.id = found.id RETURNING {columns(Email)}"
    )
    return read(Email, text, [*params, most, *values])


def _due() -> str:
    """As ``EmailQuerySet.due``. A new mail is due whatever the clock of whoever queued it said."""
    return (
        f"state IN ({sql.words(WAITING)}) AND handed_over_at IS NULL AND next_try_at IS NOT NULL "
        f"AND (state = '{EmailState.QUEUED}' OR next_try_at <= {sql.now()})"
    )


def _abandoned() -> str:
    return f"state = '{EmailState.SENDING}' AND lease_until <= {sql.now()} AND handed_over_at IS NULL"


def _late() -> str:
    return (
        f"state IN ({sql.words(WAITING)}) AND handed_over_at IS NULL AND next_try_at IS NOT NULL "
        f"AND state IN ({sql.words(_SURELY_NOT_SENT)}) AND doubt_count = 0 AND send_by <= {sql.now()}"
    )


def _not_blocked(blocked: Sequence[tuple[str, Sequence[str]]]) -> tuple[str, list[Any]]:
    text, params = "", list[Any]()
    for audience, kinds in blocked:
        if kinds:
            text += f" AND NOT (audience = %s AND kind IN ({', '.join(['%s'] * len(kinds))}))"
            params += [audience, *map(str, kinds)]
    return text, params
