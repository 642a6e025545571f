"""Storing a batch, all of it or nothing, and giving early reports to their emails once these are known."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import DataError
from django.utils import timezone

from recovery.addresses import normalise
from recovery.feedback.folding import Batch, fold, write
from recovery.feedback.judging import JUDGED, judge
from recovery.feedback.reports import Ingested, Report, Unread, one_line
from recovery.models import Bounce, Email, EmailEvent, RawEvent, moves
from recovery.models.batches import insert_new, run, unmatched_events, update_each
from recovery.models.moves import Stored
from recovery.models.primary import atomic

logger = logging.getLogger(__name__)

LATE: Final = timedelta(days=1)
"""How old a mail may be to be given a report that came before its hand-over was noted."""

LONGEST_RAW: Final = 16_384
"""How much of what a provider posted about one event is kept."""

_RAW: Final = ("esp", "received_at", "content", "digest", "error", "dedupe_key")


def ingest(reports: Sequence[Report], unread: Sequence[Unread] = ()) -> Ingested:
    """Store a batch and fold it into the emails' states: all or nothing, six statements at most at any size, fewer
    where nothing came back; on SQLite up to two more where a batch that stops mail is also the first to know that
    reset links left.

    Telling it again changes nothing. Raises django.db.Error, after which the provider must tell it again. What the
    database takes of no sender, for what it says, is set aside alone, with the error.
    """
    if not reports and not unread:
        return Ingested()
    try:
        with atomic(Email):
            return _store(reports, unread)
    except DataError:
        with atomic(Email):
            ingested = _bisected(reports, unread)
    logger.warning("feedback: %d of %d reports could not be stored as they are", ingested.refused, len(reports))
    return ingested


def _bisected(reports: Sequence[Report], unread: Sequence[Unread] = ()) -> Ingested:
    """Each half in a savepoint, and again, until what cannot be stored is alone."""
    try:
        with atomic(Email):
            return _store(reports, unread)
    except DataError as error:
        if len(reports) <= 1:
            return _set_aside(reports, unread, error)
    middle = len(reports) // 2
    return _bisected(reports[:middle], unread).plus(_bisected(reports[middle:]))


def _set_aside(reports: Sequence[Report], unread: Sequence[Unread], error: DataError) -> Ingested:
    aside = [Unread(r.esp, r.raw or f"{r.kind} {r.event_id}", type(error).__name__) for r in reports]
    _store([], [*unread, *aside])
    return Ingested(received=len(reports), refused=len(reports))


def _store(reports: Sequence[Report], unread: Sequence[Unread]) -> Ingested:
    now = timezone.now()
    batch, by_key = Batch(now), {report.dedupe_key: report for report in reversed(reports)}
    events = [_event(key, report, now) for key, report in by_key.items()]
    stored = moves.take_in(events, failures=JUDGED) if events else {}
    new = {key: by_key[key] for key in stored}
    raw = [*_raw_of(new, now), *_raw_aside(unread, now)]
    further = [insert_new(RawEvent, _RAW, raw, unique="dedupe_key")] if raw else []
    told = [(report, stored[key]) for key, report in new.items()]
    further += judge(told, batch.now)
    fold([(report, at.email) for report, at in told if at.email], batch)
    write(batch, further)
    unmatched = sum(at.email is None for at in stored.values())
    swapped = _swapped([report for key, report in by_key.items() if report.told_once and key not in stored])
    return Ingested(len(reports), len(stored), unmatched, len(batch.moved), swapped)


def match_late() -> int:
    """Give reports that came before the hand-over was noted to their emails; returns how many found one."""
    pairs = _early()
    if not pairs:
        return 0
    batch = Batch(timezone.now())
    with atomic(Email):
        moves.one_at_a_time(normalise(event.recipient) for event, _ in pairs if event.kind in JUDGED)
        emails = moves.hold(email_id for _, email_id in pairs)
        found = [(event, emails[email_id]) for event, email_id in pairs if email_id in emails]
        told = [(_report(event), Stored(event.pk, email)) for event, email in found]
        judged = Bounce.objects.filter(event__in=[event.pk for event, _ in found if event.kind in JUDGED])
        run(EmailEvent, [update_each(EmailEvent, ["id", "email"], [[event.pk, email.id] for event, email in found])])
        further = judge(told, batch.now, known={bounce.event_id: bounce for bounce in judged})
        fold([(report, at.email) for report, at in told if at.email], batch)
        write(batch, further)
    return len(found)


def waiting() -> int:
    """How many ``match_late`` would find now."""
    return len(_early())


def _early() -> list[tuple[EmailEvent, UUID]]:
    """Reports that came first, each with the email to the same recipient that has their message id by now."""
    found = unmatched_events(since=timezone.now() - LATE)
    return [(event, email_id) for event, email_id, key in found if normalise(event.recipient) == key]


def _report(event: EmailEvent) -> Report:
    return Report(
        esp=event.esp,
        kind=event.kind,
        recipient=event.recipient,
        occurred_at=event.occurred_at,
        message_id=event.esp_message_id,
        reject_reason=event.reject_reason,
        detail=event.detail,
    )


def _event(key: str, report: Report, now: datetime) -> list[Any]:
    return [
        report.email_id, normalise(report.recipient)[:254], report.kind, report.happened_at(now), now, report.esp,
        report.message_id, report.recipient, report.reject_reason, report.detail, key,
    ]  # fmt: skip


def _raw_of(new: Mapping[str, Report], now: datetime) -> list[list[Any]]:
    """Their events are new, so they are: only what must be told once is looked for again."""
    return [
        [r.esp, now, _kept(r.raw), *((_digest(r.raw), "", key) if r.told_once else ("", "", None))]
        for key, r in new.items()
        if r.raw
    ]


def _raw_aside(unread: Sequence[Unread], now: datetime) -> list[list[Any]]:
    """Told again, each is kept once."""
    return [
        [each.esp, now, _kept(each.raw), digest, one_line(each.error)[:200], _digest(f"{each.esp} {digest}")[:32]]
        for each, digest in ((each, _digest(each.raw)) for each in unread)
    ]


def _kept(raw: str) -> str:
    """JSON that we wrote is ASCII; a text of anybody else's may hold what PostgreSQL cannot."""
    cut = raw[:LONGEST_RAW]
    return cut if cut.isascii() and "\0" not in cut else one_line(cut)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _swapped(again: Sequence[Report]) -> int:
    """Of what must be told once: how many were told before with another content."""
    if not again:
        return 0
    digests = {report.dedupe_key: _digest(report.raw) for report in again}
    known = RawEvent.objects.filter(dedupe_key__in=list(digests)).values_list("dedupe_key", "digest")
    return sum(digests[str(key)] != digest for key, digest in known)
