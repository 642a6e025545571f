"""Which hours were changed by what happened since they were last looked at, however old they are.

Every move of a mail writes an event, and everything that happens to a link or a request writes a line of the trail.
Both are numbered in the order in which they were begun, not committed: what is younger than SLACK is looked at again.
That the time of a link ran out is written nowhere, and is found by the time itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Max, Q

from recovery import counting, link_lives
from recovery.conf import conf
from recovery.models import AuditEvent, Email, EmailEvent, ResetRequest, ResetToken, RollUpProgress
from recovery.models.primary import SKEW, key_at
from recovery.reasons import Action, EmailKind, EmailState, TokenState
from recovery.rollup.hours import beginning

BATCH: Final = 20_000  # events of one statement
SLACK: Final = timedelta(minutes=5)  # longer than any transaction lasts
OF_LINKS: Final = (Action.LINK_OPENED, Action.COMPLETED, Action.LINK_REPLACED, Action.LINK_REVOKED)
LATEST: Final = timedelta(hours=24)  # after it was queued, a mail leaves or is too late


@dataclass(frozen=True, slots=True)
class Batch:
    """Hours before the recent ones, and up to which event this was looked at once they are rolled up."""

    hours: list[datetime]
    events_until: int


def newest_event() -> int:
    return EmailEvent.objects.aggregate(newest=Max("pk"))["newest"] or 0


def by_events(progress: RollUpProgress, *, before: datetime, now: datetime) -> Iterator[Batch]:
    """Hours of before that moment whose mails, or those of whose requests, were told of, the oldest events first."""
    newest, first = newest_event(), progress.events_until
    old = EmailEvent.objects.filter(pk__gt=first, pk__lte=newest, recorded_at__lt=now - SLACK)
    settled = old.order_by("-pk").values_list("pk", flat=True).first() or first
    while first < newest:
        last = min(first + BATCH, newest)
        told = EmailEvent.objects.filter(pk__gt=first, pk__lte=last, email__kind__in=counting.LINK_MAIL)
        # What a request is counted under follows its first mail, which may be hours younger than it.
        of_old = told.filter(Q(email__queued_at__lt=before) | Q(email__request__lt=key_at(before + SKEW)))
        moments: Any = of_old.values_list("email__queued_at", "email__request__requested_at")  # of no request, None
        yield Batch(_hours((each for pair in moments for each in pair if each), before), min(last, settled))
        first = last


def by_trail(progress: RollUpProgress, *, before: datetime) -> list[datetime]:
    """Hours of before that moment whose links were opened, used or ended, or whose requests were decided."""
    noted = AuditEvent.objects.filter(pk__gte=key_at(progress.trail_until), action__in=OF_LINKS)
    mails = Email.objects.filter(
        request__in=noted.exclude(request_id=None).values("request_id"), kind__in=counting.LINK_MAIL
    )
    moments = mails.filter(queued_at__lt=before).values_list("queued_at", flat=True)
    return _hours([*moments, *_decided(progress, before)], before)


def by_expiry(progress: RollUpProgress, *, before: datetime, until: datetime, due: datetime) -> list[datetime]:
    """Hours of before that moment of whose links the time ran out since the last run, and up to ``until``.

    Hours from ``settled_until`` to ``due`` are left out: they are counted anyway. Links lose their fingerprint at the
    age of ``RETENTION["links"]``; the index holds those that have one, and after a longer pause links are found by
    their keys.
    """
    since, kept = progress.rolled_at, conf.RETENTION["links"]
    if since is None:
        return []
    ended = ResetToken.objects.filter(expires_at__gt=since, expires_at__lte=until)
    if kept is None or until - since < kept:
        ended = ended.exclude(fingerprint="")
    else:
        longest = max(link_lives.CEILING, link_lives.first_lifetime())
        ended = ended.filter(pk__gte=key_at(since - longest - LATEST - SKEW), pk__lt=key_at(until + SKEW))
    by_time = ended.filter(state__in=(TokenState.LIVE, TokenState.EXPIRED), email__kind__in=counting.LINK_MAIL)
    left_alone = Q(email__queued_at__gte=progress.settled_until, email__queued_at__lt=due)
    moments = by_time.exclude(left_alone).filter(email__queued_at__lt=before)
    return _hours(moments.order_by().values_list("email__queued_at", flat=True), before)


def by_silence(progress: RollUpProgress, *, before: datetime, until: datetime) -> list[datetime]:
    """Hours of before that moment whose mail left long after it was queued, and of which nothing was heard for too long
    since the last run, and up to ``until``. Only a first link waits longer than the hours that are looked at anyway."""
    since = progress.rolled_at
    if since is None:
        return []
    left = Email.objects.filter(kind=EmailKind.ACTIVATION, state=EmailState.HANDED_OVER, queued_at__lt=before)
    silent = left.filter(
        handed_over_at__gt=since - conf.WEBHOOK_SILENCE,
        handed_over_at__lte=until - conf.WEBHOOK_SILENCE,
        pk__gte=key_at(since - conf.WEBHOOK_SILENCE - LATEST - SKEW),
    )
    return _hours(silent.order_by().values_list("queued_at", flat=True), before)


def _decided(progress: RollUpProgress, before: datetime) -> Iterable[datetime]:
    """When those requests were made that were decided long after it."""
    noted = AuditEvent.objects.filter(pk__gte=key_at(progress.trail_until), action=Action.DECIDED)
    late = noted.filter(request_id__lt=key_at(before + SKEW))  # keys tell the time: nearly all are decided at once
    requests = ResetRequest.objects.filter(pk__in=late.values("request_id"), requested_at__lt=before)
    return requests.order_by().values_list("requested_at", flat=True)


def _hours(moments: Iterable[datetime], before: datetime) -> list[datetime]:
    return sorted({beginning(moment) for moment in moments if moment < before})
