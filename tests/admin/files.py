"""Lists as files: how a test asks for one and reads it, and a mail that came back in a stranger's words."""

import csv
import io
import json
from typing import Any

from django.test import Client

from recovery import accounts, outbox
from recovery.models import AuditEvent, Bounce, Email, RawEvent, ResetRequest, SupportCase, Suppression
from recovery.reasons import Action, EmailKind
from tests.admin.pages import listed
from tests.admin.staff import staff
from tests.webhooks import posts
from tests.webhooks.reported import body, hand_over

LISTS: dict[str, Any] = {
    "email": Email,
    "resetrequest": ResetRequest,
    "bounce": Bounce,
    "suppression": Suppression,
    "supportcase": SupportCase,
    "auditevent": AuditEvent,
    "rawevent": RawEvent,
}


def exporting(page: str, form: str = "csv", query: str = "") -> str:
    return listed(page, f"export/{form}/{query}")


def asked(client: Client, page: str, form: str = "csv", query: str = "") -> Any:
    client.handler.enforce_csrf_checks = False
    return client.post(exporting(page, form, query))


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    assert answer.streaming
    return b"".join(answer.streaming_content).decode()


def rows_of(client: Client, page: str, form: str = "csv", query: str = "") -> list[dict[str, str]]:
    """What the file holds, read as whoever gets it would."""
    text = text_of(asked(client, page, form, query))
    if form == "jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def viewing(page: str, *more: str) -> Client:
    return staff(f"recovery.view_{page}", *more)


def trail() -> list[tuple[str, str, dict[str, Any]]]:
    events = AuditEvent.objects.filter(action__in=[Action.EXPORTED, Action.EXPORT_ENDED]).order_by("pk")
    return [(event.action, event.actor_key, event.detail) for event in events]


def came_back(user: Any, settings: Any, words: str = "550 5.1.1 unknown") -> Email:
    """A mail to this person that a provider says has bounced, in these words."""
    settings.ANYMAIL = posts.anymail("postmark")
    [email] = outbox.queue(EmailKind.PASSWORD_CHANGED, [user.email], user_key=accounts.key_of(user))
    hand_over(email, "postmark")
    content = json.loads(body("postmark", "bounced", email, user.email))
    content |= {"Description": words, "Details": words, "ID": email.pk.int % 10**9}
    assert posts.post("postmark", json.dumps(content)).send().status_code == 200
    return email
