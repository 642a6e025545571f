"""What is done about a provider's silence: somebody is told, and the provider is asked where it can be."""

from typing import Final

from recovery import alarms, feedback, routes, silence
from recovery.feedback import Report
from recovery.models import Email
from recovery.reasons import Alarm, EventKind
from recovery.routes import Answer

ASKED_AT_ONCE: Final = 3  # mails of each provider; the answer is about the webhook, not about them

_SAID: Final = {
    Answer.HAS: "it has the mail, so its webhook does not reach us",
    Answer.HAS_NOT: "it does not have the mail",
    Answer.SILENT: "no answer",
}


def look() -> list[str]:
    """Sound the alarm for each silent provider, and ask it about the oldest mails, each once. Returns who is silent."""
    silent = [heard.esp for heard in silence.heard() if heard.is_silent]
    for esp in silent:
        said = [_ask(email) for email in _unasked(esp)]
        alarms.sound(Alarm.WEBHOOK_SILENT, esp, detail="; ".join(dict.fromkeys(said)))
    return silent


def _unasked(esp: str) -> list[Email]:
    waiting = silence.without_news(esp).exclude(events__kind=EventKind.ASKED)
    return [email for email in waiting[:ASKED_AT_ONCE] if routes.can_be_asked(email.route)]


def _ask(email: Email) -> str:
    """Ask, and note the answer as an event of the mail; its state stays what it is."""
    asked = routes.ask(email.route, email_id=email.pk, recipient=email.recipient)
    said = f"{email.route} · {_SAID[asked.answer]}"
    report = Report(
        esp=email.esp,
        kind=EventKind.ASKED,
        recipient=email.recipient,
        event_id=f"asked {email.pk}",
        email_id=email.pk,
        detail=said,
    )
    feedback.ingest([report])
    return said
