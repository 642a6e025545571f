"""The email that a provider's report is about, the report's text, and what became of both."""

import hashlib
import hmac
import json
import time
from typing import Any

from recovery import webhooks
from recovery.models import Email, EmailEvent
from recovery.reasons import EmailState
from tests.webhooks import posts

PROVIDERS = sorted(webhooks.PROVIDERS)
KEYED = sorted(posts.SECRETS)
RECIPIENT = "Amélie.B@reader.example"
MESSAGE_IDS = {"mailgun": "<a1.b2@mail.library.example>", "mailjet": "576460752303423488", "postal": "38476"}
SNS = {"Type": "Notification", "MessageId": "1", "Message": "{}"}
"""What Amazon posts, with nothing in it."""


def hand_over(email: Email, esp: str) -> None:
    """What delivery notes at hand-over."""
    Email.objects.filter(pk=email.pk).update(
        state=EmailState.HANDED_OVER, handed_over_at="2026-11-20T10:15:30Z", esp=esp, esp_message_id=message_id(esp)
    )


def message_id(esp: str) -> str:
    return MESSAGE_IDS.get(esp, f"{esp}-0f9d3a")


def body(esp: str, name: str, email: Email, recipient: str = RECIPIENT) -> str:
    return posts.text(esp, name, email_id=email.pk, message_id=message_id(esp), recipient=recipient)


def state_of(email: Email) -> str:
    email.refresh_from_db()
    return email.state


def told() -> int:
    return EmailEvent.objects.exclude(esp="").count()


def signed(content: dict[str, Any], *, token: str = "a" * 50, at: float | None = None) -> posts.Post:
    """A post of Mailgun's with this token, rightly signed: the signature says nothing of the content."""
    stamp = str(int(time.time() if at is None else at))
    signature = hmac.new(b"mailgun key", (stamp + token).encode(), hashlib.sha256).hexdigest()
    proof = {"timestamp": stamp, "token": token, "signature": signature}
    return posts.Post("mailgun", json.dumps(content | {"signature": proof}).encode())


def mailgun(email: Email, name: str = "bounced", **facts: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(body("mailgun", name, email))
    content["event-data"] |= facts
    return content
