"""Storing a batch, all of it or nothing, and giving early reports to their emails once these are known."""

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import DataError
from django.utils import timezone

from recovery.addresses import normalise
from recovery.feedback.folding import Batch, fold, write
from recovery.feedback.judging import JUDGED, Told, judge, needs_of, verdict_on
from recovery.feedback.reports import Ingested, Report, Unread, one_line
from recovery.models import Bounce, Email, EmailEvent, moves
from recovery.models.batches import run, unmatched_events, update_each
from recovery.models.moves import Needs, Stored
from recovery.models.primary import atomic
from recovery.models.raw_events import LONGEST

logger = logging.getLogger(__name__)

LATE: Final = timedelta(days=1)
"""How old a mail may be to be given a report that came before its hand-over was noted."""


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
    now, batch = timezone.now(), Batch()
    by_key = {report.dedupe_key: report for report in reversed(reports)}
    verdicts = {key: verdict_on(report) for key, report in by_key.items()}
    rows = [_event(key, report, needs_of(report, verdicts[key]), now) for key, report in by_key.items()]
    rows += [_aside(each, now) for each in unread]
    stored = moves.take_in(rows)
    told = [Told(by_key[key], verdicts[key], at) for key, at in stored.items() if key in by_key]
    further = judge(told, now)
    fold(told, batch)
    write(batch, further)
    unmatched = sum(each.at.email is None for each in told)
    swapped = _swapped([report for key, report in by_key.items() if report.told_once and key not in stored])
    return Ingested(len(reports), len(told), unmatched, len(batch.moved), swapped)


def match_late() -> int:
    """Give reports that came before the hand-over was noted to their emails; returns how many found one."""
    pairs = _early()
    if not pairs:
        return 0
    batch = Batch()
    with atomic(Email):
        moves.one_at_a_time(normalise(event.recipient) for event, _ in pairs if event.kind in JUDGED)
        emails = moves.hold(email_id for _, email_id in pairs)
        found = [(event, emails[email_id]) for event, email_id in pairs if email_id in emails]
        failures = [event.pk for event, _ in found if event.kind in JUDGED]
        judged = Bounce.objects.filter(event__in=failures)
        told = [Told(_report(event), None, Stored(event.pk, event.occurred_at, email)) for event, email in found]
        run(EmailEvent, [update_each(EmailEvent, ["id", "email"], [[event.pk, email.key] for event, email in found])])
        further = judge(told, timezone.now(), known={bounce.event_id: bounce for bounce in judged})
        fold(told, batch)
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


def _event(key: str, report: Report, needs: Needs, now: datetime) -> list[Any]:
    return [
        report.email_id, normalise(report.recipient)[:254], needs.value, report.kind, report.happened_at(now), now,
        report.esp, report.message_id, report.recipient, report.reject_reason, report.detail, "",
        _digest(report.raw) if report.told_once else "", _kept(report.raw), key,
    ]  # fmt: skip


def _aside(each: Unread, now: datetime) -> list[Any]:
    """Told again, each is kept once."""
    digest, nothing = _digest(each.raw), ""
    return [
        None, nothing, Needs.NOTHING.value, nothing, now, now, each.esp, nothing, nothing, nothing, nothing,
        one_line(each.error)[:200], digest, _kept(each.raw) or "-", _digest(f"{each.esp} {digest}")[:32],
    ]  # fmt: skip


def _kept(raw: str) -> str:
    """JSON that we wrote is ASCII; a text of anybody else's may hold what PostgreSQL cannot."""
    cut = raw[:LONGEST]
    return cut if cut.isascii() and "\0" not in cut else one_line(cut)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _swapped(again: Sequence[Report]) -> int:
    """Of what must be told once: how many were told before with another content."""
    if not again:
        return 0
    digests = {report.dedupe_key: _digest(report.raw) for report in again}
    told = EmailEvent.objects.filter(dedupe_key__in=list(digests)).exclude(digest="")
    return sum(digests[str(key)] != digest for key, digest in told.values_list("dedupe_key", "digest"))
