"""Mail of the past, as its rows would stand today: for figures, which need more of it than anybody can click through.

What public doors would have written is written at once, with keys as old as the rows.
"""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from recovery.models import AuditEvent, Bounce, Email, ResetRequest, ResetToken, SupportCase
from recovery.models.primary import key_at
from recovery.reasons import Action, BounceClass, CaseReason, EmailKind, EmailState, Kind, Outcome, TokenState

AT = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LIFE = timedelta(minutes=60)
_numbers = itertools.count(1)


def key(at: datetime) -> UUID:
    """A key of that moment that nobody else has."""
    return UUID(int=key_at(at).int | next(_numbers))


def after(at: datetime, seconds: float | None) -> datetime | None:
    return None if seconds is None else at + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Mail:
    """One reset mail, its request and its link. Times are seconds: ``took`` from the request to the delivery; from
    there, or from the hand-over, ``opened`` to a person's first opening, ``used`` to the new password and ``ended`` to
    another end of the link; ``complained`` to the first word that it was reported as spam."""

    at: datetime = AT
    state: str = EmailState.DELIVERED
    took: float | None = 5
    left: bool = True
    opened: float | None = None
    used: float | None = None
    ended: float | None = None
    life: timedelta = LIFE
    link: str = TokenState.LIVE
    complained: float | None = None
    audience: str = "default"
    route: str = "main"
    domain: str = "example.org"
    kind: str = Kind.FORGOT
    outcome: str = Outcome.SENT
    next_try_at: datetime | None = None

    @property
    def handed_over_at(self) -> datetime | None:
        return after(self.at, 1 if self.left else None)

    @property
    def began_at(self) -> datetime:
        return after(self.at, self.took) or self.handed_over_at or self.at

    def write(self) -> Email:
        number = next(_numbers)
        request = ResetRequest.objects.create(
            id=key(self.at), reference=f"{number:08d}", kind=self.kind, audience=self.audience, outcome=self.outcome,
            requested_at=self.at, decided_at=self.at,
        )  # fmt: skip
        address = f"reader{number}@{self.domain}"
        email = Email.objects.create(
            id=key(self.at), kind=EmailKind.RESET, request=request, recipient=address, recipient_key=address,
            audience=self.audience, route=self.route, esp="postmark" if self.left else "", state=self.state,
            queued_at=self.at, send_by=self.at + timedelta(minutes=30), next_try_at=self.next_try_at,
            handed_over_at=self.handed_over_at, delivered_at=after(self.at, self.took),
        )  # fmt: skip
        self._link(number, request, email)
        if told_at := after(self.began_at, self.complained):
            complaint(email, at=told_at)
        return email

    def _link(self, number: int, request: ResetRequest, email: Email) -> None:
        used_at, opened_at = after(self.began_at, self.used), after(self.began_at, self.opened)
        ResetToken.objects.create(
            id=key(self.at), selector=f"{number:022d}", digest="", user_key=str(number), request=request, email=email,
            state=TokenState.USED if used_at else self.link, issued_at=self.at,
            expires_at=(self.handed_over_at or email.send_by) + self.life, fingerprint="as it was",
            ended_at=used_at or after(self.began_at, self.ended),
            opened_at=opened_at or used_at, person_opened_at=opened_at or used_at,
        )  # fmt: skip


def complaint(email: Email, *, at: datetime) -> Bounce:
    """We were told that the person reported this mail as spam."""
    facts = {"bounce_class": BounceClass.COMPLAINT, "rule": "x", "recipient_key": email.recipient_key}
    return Bounce.objects.create(id=key(at), email=email, occurred_at=email.queued_at, recorded_at=at, **facts)


def case(email: Email, *, seconds: float = 60, **more: Any) -> SupportCase:
    """Support had to help whoever this mail was for."""
    at = email.queued_at + timedelta(seconds=seconds)
    facts = {"user_key": str(next(_numbers)), "request": email.request, "reason": CaseReason.BOUNCED_NO_BACKUP}
    return SupportCase.objects.create(began_at=at, opened_at=at, **facts | more)


def act(
    email: Email | None = None, *, action: str = Action.EMAIL_RETRIED, at: datetime = AT, **more: Any
) -> AuditEvent:
    """Staff did something, about this mail or about none."""
    facts = {"actor_key": "7", "request_id": email.request_id if email else None}
    return AuditEvent.objects.create(id=key(at), occurred_at=at, action=action, **facts | more)
