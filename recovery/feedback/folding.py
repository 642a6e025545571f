"""Emails brought to what was told of them, whatever its order, and who hears of it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from recovery import bell, tokens
from recovery.feedback.reports import Report
from recovery.models import Email, moves
from recovery.models.moves import Known
from recovery.models.statements import Statement
from recovery.reasons import EVENT_STATE, LINK_KINDS, STATE_RANK, EmailKind, EmailState, EventKind

FOLLOWED: Final = LINK_KINDS | {EmailKind.SUPPORT_CASE}
FAILURES: Final = frozenset({EmailState.BOUNCED, EmailState.FAILED})


@dataclass(slots=True)
class Batch:
    """What is to be written about one batch, and who is to be told."""

    now: datetime
    facts: list[list[Any]] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    moved: dict[UUID, str] = field(default_factory=dict)
    left: list[Email] = field(default_factory=list)
    failed: list[UUID] = field(default_factory=list)


def fold(told: Sequence[tuple[Report, Known]], batch: Batch) -> None:
    """Bring the emails to what was told of them."""
    by_email: dict[UUID, list[Report]] = defaultdict(list)
    emails: dict[UUID, Known] = {}
    for report, email in told:
        emails[email.id] = email
        by_email[email.id].append(report)
    for key, email in emails.items():
        before = _facts(email)
        is_early = email.handed_over_at is None
        _learn(email, by_email[key], batch.now)
        if is_early and email.kind in LINK_KINDS:
            batch.left.append(Email(id=key))
        if (after := _facts(email)) != before:
            batch.facts.append([key, *after])
            batch.changed.update(name for name, old, new in zip(moves.FACTS, before, after, strict=True) if old != new)
        if after[0] != before[0]:
            batch.moved[key] = email.state
            if email.kind in FOLLOWED and email.state in FAILURES:
                batch.failed.append(key)


def write(batch: Batch, further: Sequence[Statement]) -> None:
    moves.report(batch.facts, changed=batch.changed, moved=batch.moved, further=further)
    tokens.handed_over(batch.left)  # nobody else will say so: whoever sent these died before the note, or is about to
    bell.ring_each("recovery.follow_up", batch.failed)


_facts: Final = attrgetter(*moves.FACTS)


def _learn(email: Known, reports: Sequence[Report], now: datetime) -> None:
    """Set on the object what these reports say. The highest rank wins, whatever came first.

    That a provider speaks of the mail at all proves that it has it: a worker that died before its note, or
    is about to write it, must not send the mail again.
    """
    states = [email.state, EmailState.HANDED_OVER, *(EVENT_STATE[r.kind] for r in reports if r.kind in EVENT_STATE)]
    email.state = max(states, key=STATE_RANK.__getitem__)
    moments = [report.happened_at(now) for report in reports]
    email.handed_over_at = email.handed_over_at or min(moments)
    email.reason = ""  # of a setback that is over
    email.delivered_at = _earliest(
        email.delivered_at,
        (moment for moment, report in zip(moments, reports, strict=True) if report.kind == EventKind.DELIVERED),
    )
    if not email.esp_message_id and (named := next((r for r in reports if r.message_id), None)):
        email.esp, email.esp_message_id = named.esp, named.message_id


def _earliest(known: datetime | None, moments: Iterable[datetime]) -> datetime | None:
    return min([*moments, *([known] if known else [])], default=None)
