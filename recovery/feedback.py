"""What came back about mail: a batch of a provider's reports in, events and states out.

Reports may come before we noted the hand-over, twice, in any order, and for mail that is not ours: all of
that is normal. Nothing here knows which library or protocol brought them; ``webhooks`` does.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from recovery import tokens
from recovery.addresses import normalise
from recovery.models import Email, EmailEvent, moves
from recovery.models.batches import lock_emails, unmatched_events, update_each
from recovery.models.primary import atomic
from recovery.reasons import EVENT_STATE, STATE_RANK, EmailState, EventKind

LATE: Final = timedelta(days=1)
"""How old a mail may be to be given a report that came before its hand-over was noted."""

WIDTHS: Final[Mapping[str, int]] = {
    "esp": 40,
    "kind": 16,
    "recipient": 254,
    "event_id": 255,
    "message_id": 255,
    "reject_reason": 32,
    "detail": 1000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One thing that a provider says happened to one mail for one recipient.

    ``kind`` is a word of ``EventKind``; ``email_id`` is our own id where it travelled with the mail;
    ``occurred_at`` is None where the provider does not say. Texts become one line each, cut to the width
    of their columns: a provider repeats what strangers' mail servers said.
    """

    esp: str
    kind: str
    recipient: str
    occurred_at: datetime | None = None
    event_id: str = ""
    message_id: str = ""
    email_id: UUID | None = None
    reject_reason: str = ""
    detail: str = ""

    def __post_init__(self) -> None:
        for name, width in WIDTHS.items():
            object.__setattr__(self, name, _one_line(getattr(self, name))[:width])

    @property
    def dedupe_key(self) -> str:
        """Equal for the same report told again. Five providers give no event id, one gives the same id to
        all recipients of a notice."""
        told_at = self.occurred_at.isoformat() if self.occurred_at else ""
        identity = [self.event_id] if self.event_id else [self.message_id, told_at, self.reject_reason, self.detail]
        content = json.dumps([self.esp, identity, normalise(self.recipient), self.kind])
        return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Ingested:
    """How many reports came, were new, belonged to no mail of ours, and how many emails moved."""

    received: int = 0
    stored: int = 0
    unmatched: int = 0
    moved: int = 0


Told = Sequence[tuple[Report, Email | None]]


def ingest(reports: Sequence[Report]) -> Ingested:
    """Store a batch and fold it into the emails' states: all or nothing, three statements at any size, and up to
    three more where it is the first to know that mail left.

    Telling it again changes nothing. Raises django.db.Error, after which the provider must tell it again.
    """
    if not reports:
        return Ingested()
    now = timezone.now()
    with atomic(Email):
        told = _match(reports)
        rows = [
            [email.pk if email else None, r.kind, r.occurred_at or now, now, r.esp, r.message_id, r.recipient,
             r.reject_reason, r.detail, r.dedupe_key]
            for r, email in told
        ]  # fmt: skip
        columns = [
            "email", "kind", "occurred_at", "recorded_at", "esp", "esp_message_id", "recipient",
            "reject_reason", "detail", "dedupe_key",
        ]  # fmt: skip
        stored, moved = _fold(told, now, columns, rows)
    return Ingested(len(reports), stored, sum(email is None for _, email in told), moved)


def match_late() -> int:
    """Give reports that came before the hand-over was noted to their emails; returns how many found one."""
    waiting = unmatched_events(since=timezone.now() - LATE)
    if not waiting:
        return 0
    with atomic(Email):
        told = _match([_report(event) for event in waiting])
        found = [[event.pk, email.pk] for event, (_, email) in zip(waiting, told, strict=True) if email]
        if found:
            update_each(EmailEvent, ["id", "email"], found)
            _fold(told, timezone.now())
    return len(found)


def _report(event: EmailEvent) -> Report:
    return Report(
        esp=event.esp,
        kind=event.kind,
        recipient=event.recipient,
        occurred_at=event.occurred_at,
        message_id=event.esp_message_id,
    )


def _match(reports: Sequence[Report]) -> list[tuple[Report, Email | None]]:
    """Each report with its email, which is locked. By our own id first: it is known before the provider's.

    Only a report for the email's own recipient is about that email: whoever can post an event must not be
    able to speak about mail to somebody else.
    """
    emails = lock_emails(
        (report.email_id for report in reports if report.email_id),
        (report.message_id for report in reports if report.message_id),
    )
    by_id = {email.pk: email for email in emails}
    by_message: dict[tuple[str, str], list[Email]] = defaultdict(list)
    for email in emails:
        by_message[email.esp, email.esp_message_id].append(email)

    def find(report: Report) -> Email | None:
        recipient = normalise(report.recipient)
        named = [by_id[report.email_id]] if report.email_id in by_id else []
        known = by_message.get((report.esp, report.message_id), []) if report.message_id else []
        return next((email for email in [*named, *known] if email.recipient_key == recipient), None)

    return [(report, find(report)) for report in reports]


def _fold(
    told: Told, now: datetime, columns: Sequence[str] = (), events: Sequence[Sequence[Any]] = ()
) -> tuple[int, int]:
    """Store new reports and bring the emails to what was told of them; returns how many were new, and how many emails
    changed their state."""
    batches: dict[UUID, list[Report]] = defaultdict(list)
    emails: dict[UUID, Email] = {}
    for report, email in told:
        if email:
            emails[email.pk] = email
            batches[email.pk].append(report)
    rows, moved, left = [], dict[UUID, str](), []
    for key, email in emails.items():
        before = _facts(email)
        if email.handed_over_at is None:
            left.append(email)
        _learn(email, batches[key], now)
        if (after := _facts(email)) != before:
            rows.append([key, *after])
        if after[0] != before[0]:
            moved[key] = email.state
    stored = moves.report(columns, events, rows, moved=moved)
    tokens.handed_over(left)  # nobody else will say so: whoever sent these died before the note, or is about to
    return stored, len(moved)


def _facts(email: Email) -> list[object]:
    return [getattr(email, name) for name in moves.FACTS]


def _learn(email: Email, reports: Sequence[Report], now: datetime) -> None:
    """Set on the instance what these reports say. The highest rank wins, whatever came first.

    That a provider speaks of the mail at all proves that it has it: a worker that died before its note, or
    is about to write it, must not send the mail again.
    """
    states = [email.state, EmailState.HANDED_OVER, *(EVENT_STATE[r.kind] for r in reports if r.kind in EVENT_STATE)]
    email.state = max(states, key=STATE_RANK.__getitem__)
    moments = [report.occurred_at or now for report in reports]
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


def _one_line(text: str) -> str:
    """Without line breaks, NUL, lone surrogates: neither a log line nor PostgreSQL can hold them."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
