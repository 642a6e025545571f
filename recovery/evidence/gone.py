"""Requests that went by their age or with an erasure, as the trail still tells them. For ``reports``; reads only.

The trail names no mail, so when one left and arrived is gone, and so is which kind of request it was.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef

from recovery.models import AuditEvent, ResetRequest
from recovery.models.primary import SKEW, key_at
from recovery.reasons import Action, Outcome, Verdict

_TOLD: Final = (Action.REQUESTED, Action.DECIDED, Action.LINK_OPENED, Action.COMPLETED, Action.CASE_OPENED)


class Gone:
    """What the trail tells of one request."""

    def __init__(self, asked: AuditEvent) -> None:
        self.reference, self.requested_at, self.actor_key = asked.reference, asked.occurred_at, asked.actor_key
        self.audience = str(asked.detail.get("audience", ""))  # of what staff asked for none is told
        self.keys = set[str]()
        self.outcome = ""
        self.moments: dict[str, datetime] = {}

    def tell(self, event: AuditEvent) -> None:
        """Take what one of its rows says; the oldest come first."""
        self.keys |= {event.user_key} - {""}
        if event.action in (Action.REQUESTED, Action.DECIDED):
            self.outcome = str(event.detail.get("outcome") or self.outcome or Outcome.RECEIVED)
        elif event.action == Action.COMPLETED:
            self.outcome = Outcome.COMPLETED
        if event.action != Action.LINK_OPENED or event.detail.get("verdict") == Verdict.PERSON:
            self.moments.setdefault(event.action, event.occurred_at)


def of_period(*, since: datetime | None, until: datetime, at_once: int) -> Iterator[list[Gone]]:
    """Those of the period, the oldest first, so many at a time."""
    asks = AuditEvent.objects.filter(action=Action.REQUESTED, pk__lt=key_at(until + SKEW), occurred_at__lt=until)
    if since:
        asks = asks.filter(pk__gte=key_at(since - SKEW), occurred_at__gte=since)
    # An activation that was taken over was asked for twice.
    earlier = AuditEvent.objects.filter(
        action=Action.REQUESTED, request_id=OuterRef("request_id"), pk__lt=OuterRef("pk")
    )
    there = ResetRequest.objects.filter(pk=OuterRef("request_id"))
    asks = asks.exclude(request_id=None).filter(~Exists(there), ~Exists(earlier)).order_by("pk")
    last = UUID(int=0)
    while some := list(asks.filter(pk__gt=last)[:at_once]):
        last = some[-1].pk
        yield _told(some)


def _told(some: Sequence[AuditEvent]) -> list[Gone]:
    found = {each.request_id: Gone(each) for each in some}
    events = AuditEvent.objects.filter(request_id__in=found, action__in=_TOLD).order_by("pk")
    for event in events.iterator():
        found[event.request_id].tell(event)
    return list(found.values())
