"""Providers that have mail of ours and say nothing of it. Silence is an alarm that ends with the next report.

Judged when asked for, from rows: nobody needs to notice when it begins or ends. Asking the provider stands in ``news``.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from recovery.conf import conf
from recovery.models import Email, RawEvent
from recovery.models.primary import SKEW, key_at
from recovery.reasons import EmailState

LOOKED_BACK: Final = timedelta(days=1)  # what was queued before has long been somebody's question


@dataclass(frozen=True, slots=True)
class Heard:
    """One provider that must report back: the last report, and since when mail waits for one in vain."""

    esp: str
    last_at: datetime | None
    waits_since: datetime | None

    @property
    def is_silent(self) -> bool:
        return self.waits_since is not None


def heard() -> list[Heard]:
    """The providers of ``WEBHOOKS``; two statements each at most, one where reports keep coming."""
    return [_heard(esp) for esp in conf.WEBHOOKS]


def without_news(esp: str) -> "QuerySet[Email]":
    """Mail of the last day that this provider took long enough ago, and of which nothing was heard; oldest first."""
    now = timezone.now()
    recent = Email.objects.filter(pk__gte=key_at(now - LOOKED_BACK - SKEW), queued_at__gte=now - LOOKED_BACK)
    left = recent.filter(handed_over_at__lte=now - conf.WEBHOOK_SILENCE)
    return left.filter(esp=esp, state=EmailState.HANDED_OVER).order_by("pk")


def has_no_news(email: Email) -> bool:
    """Whether a provider took it that could have told what became of it by now, and did not: no success."""
    if email.state != EmailState.HANDED_OVER or not email.esp or email.handed_over_at is None:
        return False
    return email.handed_over_at <= timezone.now() - conf.WEBHOOK_SILENCE


def _heard(esp: str) -> Heard:
    # What could not be read tells nothing of the mail, and must not cover that nothing else comes.
    told = RawEvent.objects.filter(esp=esp, error="").order_by("-recorded_at")
    last_at = told.values_list("recorded_at", flat=True).first()
    if last_at and last_at > timezone.now() - conf.WEBHOOK_SILENCE:
        return Heard(esp, last_at, None)
    since = without_news(esp).filter(**({"handed_over_at__gt": last_at} if last_at else {}))
    first = since.values_list("handed_over_at", flat=True).first()
    return Heard(esp, last_at, first)
