"""Mail of the past, as its rows would stand today: for figures, which need more of it than anybody can click through.

What a public door would have written is written at once, with keys as old as the rows.
"""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from recovery.models import AuditEvent, Bounce, Email, ResetRequest, ResetToken, SupportCase
from recovery.models.primary import key_at
from recovery.reasons import Action, BounceClass, CaseReason, EmailKind, EmailState, Kind, Outcome, TokenState

AT = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
LIFE = timedelta(minutes=60)
_numbers = itertools.count(1)


def key(at: datetime) -> Any:
    """A key of that moment that nobody else has."""
    base = key_at(at)
    return type(base)(int=base.int | next(_numbers))


def seconds(number: float | None) -> timedelta | None:
    return None if number is None else timedelta(seconds=number)


@dataclass(frozen=True)
class Mail:
    """One reset mail. Times in seconds: ``took`` from the request to the delivery, ``opened`` from the delivery (or
    the hand-over) to a person's first opening, ``used`` the same to the new password."""

    at: datetime = AT
    state: str = EmailState.DELIVERED
    took: float | None = 5
    opened: float | None = None
    used: float | None = None
    ended: float | None = None
    link: str = TokenState.LIVE
    left: bool = True
    complained: bool = False
    audience: str = "default"
    route: str = "main"
    domain: str = "example.org"
    kind: str = Kind.FORGOT
    outcome: str = Outcome.SENT
    esp: str = "postmark"
    more: dict[str, Any] = field(default_factory=dict)

    def write(self) -> Email:
        number = next(_numbers)
        request = ResetRequest.objects.create(
            id=key(self.at), reference=f"{number:08d}", kind=self.kind, audience=self.audience, requested_at=self.at,
            outcome=self.outcome, decided_at=self.at,
        )  # fmt: skip
        address = f"reader{number}@{self.domain}"
        delivered_at = self.at + timedelta(seconds=self.took) if self.took is not None else None
        handed_over_at = self.at + timedelta(seconds=1) if self.left else None
        facts = {
            "state": self.state, "queued_at": self.at, "send_by": self.at + timedelta(minutes=30), "next_try_at": None,
            "handed_over_at": handed_over_at, "delivered_at": delivered_at, "esp": self.esp if self.left else "",
            "route": self.route, "audience": self.audience, **self.more,
        }  # fmt: skip
        email = Email.objects.create(
            id=key(self.at), kind=EmailKind.RESET, request=request, recipient=address, recipient_key=address, **facts
        )
        began = delivered_at or handed_over_at or self.at
        used_at, opened_at = (began + timedelta(seconds=each) if each is not None else None for each in (self.used, self.opened))
        expires_at = (handed_over_at or self.at + timedelta(minutes=30)) + LIFE
        ended_at = used_at or (began + timedelta(seconds=self.ended) if self.ended is not None else None)
        ResetToken.objects.create(
            id=key(self.at), selector=f"{number:022d}", digest="", user_key=str(number), request=request, email=email,
            state=TokenState.USED if used_at else self.link, issued_at=self.at, expires_at=expires_at,
            ended_at=ended_at, opened_at=opened_at or used_at, person_opened_at=opened_at or used_at,
        )  # fmt: skip
        if self.complained:
            Bounce.objects.create(email=email, bounce_class=BounceClass.COMPLAINT, rule="x", recipient_key=address)
        return email


def case(email: Email, *, after: float = 60, **facts: Any) -> SupportCase:
    """Support had to help whoever this mail was for."""
    assert email.request
    at = email.queued_at + timedelta(seconds=after)
    facts = {"user_key": str(next(_numbers)), "request": email.request, "reason": CaseReason.BOUNCED_NO_BACKUP} | facts
    return SupportCase.objects.create(began_at=at, opened_at=at, **facts)


def act(email: Email | None = None, *, action: str = Action.EMAIL_RETRIED, at: datetime = AT, **facts: Any) -> AuditEvent:
    """Staff did something, about this mail or about none."""
    facts = {"actor_key": "7", "request_id": email.request_id if email else None} | facts
    return AuditEvent.objects.create(id=key(at), occurred_at=at, action=action, **facts)
