"""Emails that wait for reports, reports as providers make them, and what they changed."""

from datetime import UTC, datetime, timedelta
from typing import Any

from recovery import outbox
from recovery.feedback import Report
from recovery.models import Email
from recovery.reasons import EmailKind

AT = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
ESP = "test"  # as anymail calls its backend for tests
PROVIDERS_WORDS = [
    "queued", "sent", "rejected", "failed", "bounced", "deferred", "delivered", "autoresponded", "opened",
    "clicked", "complained", "unsubscribed", "subscribed", "unknown",
]  # fmt: skip


def queued(*recipients: str) -> list[Email]:
    return outbox.queue(EmailKind.PASSWORD_CHANGED, recipients or ["Reader@Library.example"])


def report(email: Email, kind: str, minutes: float = 0, **facts: Any) -> Report:
    """As a provider reports that gives our own id back."""
    named = {"email_id": email.pk, "event_id": f"{kind} {minutes}", "message_id": "m1"}
    told = {"esp": ESP, "recipient": email.recipient, "occurred_at": AT + timedelta(minutes=minutes)} | named | facts
    return Report(kind=kind, **told)


def told(email: Email) -> list[str]:
    return [event.kind for event in email.events.exclude(esp="")]


def facts(email: Email) -> tuple[Any, ...]:
    email.refresh_from_db()
    return email.state, email.delivered_at, email.esp_message_id, email.handed_over_at is not None
