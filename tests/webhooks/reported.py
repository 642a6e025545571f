"""The email that a provider's report is about, the report's text, and what became of both."""

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
