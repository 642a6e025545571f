"""Which hours were changed by what happened since they were last looked at, however old they are.

Every move of a mail writes an event, and everything that happens to a link writes a line of the trail. Both are
numbered in the order in which they were begun, not committed: what is younger than SLACK is looked at again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Max

from recovery import counting
from recovery.models import AuditEvent, Email, EmailEvent, RollUpProgress
from recovery.models.primary import key_at
from recovery.reasons import Action
from recovery.rollup.hours import beginning

BATCH: Final = 20_000  # events of one statement
SLACK: Final = timedelta(minutes=5)  # longer than any transaction lasts
OF_LINKS: Final = (Action.LINK_OPENED, Action.COMPLETED, Action.LINK_REPLACED, Action.LINK_REVOKED)


@dataclass(frozen=True, slots=True)
class Batch:
    """Hours before the recent ones, and up to which event this was looked at once they are rolled up."""

    hours: list[datetime]
    events_until: int


def newest_event() -> int:
    return EmailEvent.objects.aggregate(newest=Max("pk"))["newest"] or 0


def by_events(progress: RollUpProgress, *, before: datetime, now: datetime) -> Iterator[Batch]:
    """Hours of before that moment whose mails were told of, the oldest events first."""
    newest, first = newest_event(), progress.events_until
    old = EmailEvent.objects.filter(pk__gt=first, pk__lte=newest, recorded_at__lt=now - SLACK)
    settled = old.order_by("-pk").values_list("pk", flat=True).first() or first
    while first < newest:
        last = min(first + BATCH, newest)
        told = EmailEvent.objects.filter(pk__gt=first, pk__lte=last, email__queued_at__lt=before)
        moments = told.filter(email__kind__in=counting.LINK_MAIL).values_list("email__queued_at", flat=True)
        yield Batch(sorted({beginning(moment) for moment in moments}), min(last, settled))
        first = last


def by_trail(progress: RollUpProgress, *, before: datetime) -> list[datetime]:
    """Hours of before that moment whose links were opened, used or ended."""
    noted = AuditEvent.objects.filter(pk__gte=key_at(progress.trail_until), action__in=OF_LINKS)
    mails = Email.objects.filter(
        request__in=noted.exclude(request_id=None).values("request_id"), kind__in=counting.LINK_MAIL
    )
    moments = mails.filter(queued_at__lt=before).values_list("queued_at", flat=True)
    return sorted({beginning(moment) for moment in moments})
