"""Requests as the trail tells of them: which there were in a period, also those that went by their age or with an
erasure, and how those went. For ``reports``; reads only.

The trail names no mail of an ask, so when one left and arrived is gone with the request.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef

from recovery.models import AuditEvent
from recovery.models.primary import SKEW, key_at
from recovery.reasons import Action, Outcome, Verdict, overall

_TOLD: Final = (Action.REQUESTED, Action.DECIDED, Action.LINK_OPENED, Action.COMPLETED, Action.CASE_OPENED)


class Gone:
    """What the trail tells of one request."""

    def __init__(self, asked: AuditEvent) -> None:
        self.reference, self.requested_at = asked.reference, asked.occurred_at
        self.kind = str(asked.detail.get("kind", ""))
        self.actor_key = self.audience = ""
        self.keys = set[str]()
        self.moments: dict[str, datetime] = {}
        self._asked, self._decided = Outcome.RECEIVED.value, dict[str, str]()

    @property
    def outcome(self) -> str:
        if Action.COMPLETED in self.moments:
            return Outcome.COMPLETED
        return overall([self._decided[key] for key in sorted(self._decided)]) if self._decided else self._asked

    def tell(self, event: AuditEvent) -> None:
        """Take what one of its rows says; the oldest come first."""
        self.keys |= {event.user_key} - {""}
        if event.action == Action.REQUESTED:
            self._asked = str(event.detail.get("outcome") or self._asked)
            self.actor_key = event.actor_key or self.actor_key  # an activation that the site asked for is taken over
        if event.action == Action.DECIDED:
            self._decided[event.user_key] = str(event.detail.get("outcome"))
        self.audience = str(event.detail.get("audience") or self.audience)
        if event.action != Action.LINK_OPENED or event.detail.get("verdict") == Verdict.PERSON:
            self.moments.setdefault(event.action, event.occurred_at)


def asks_of(*, since: datetime | None, until: datetime, at_once: int) -> Iterator[list[AuditEvent]]:
    """The row that each request of the period began with, the oldest first, so many at a time. Whatever a purge or an
    erasure takes meanwhile, each is told once."""
    asks = AuditEvent.objects.filter(action=Action.REQUESTED, pk__lt=key_at(until + SKEW), occurred_at__lt=until)
    if since:
        asks = asks.filter(pk__gte=key_at(since - SKEW), occurred_at__gte=since)
    # An activation that was taken over was asked for twice.
    earlier = AuditEvent.objects.filter(
        action=Action.REQUESTED, request_id=OuterRef("request_id"), pk__lt=OuterRef("pk")
    )
    asks = asks.exclude(request_id=None).filter(~Exists(earlier)).order_by("pk")
    last = UUID(int=0)
    while some := list(asks.filter(pk__gt=last)[:at_once]):
        last = some[-1].pk
        yield some


def told(asks: Sequence[AuditEvent]) -> dict[UUID | None, Gone]:
    """What the trail tells of the requests that began with these rows, by their keys."""
    found = {each.request_id: Gone(each) for each in asks}
    events = AuditEvent.objects.filter(request_id__in=found, action__in=_TOLD).order_by("pk")
    for event in events.iterator():
        found[event.request_id].tell(event)
    return found
