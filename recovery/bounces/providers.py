"""What each provider's raw event says. anymail's own event has lost what tells hard from soft.

The field names are those of the providers' published schemas. A field that is missing or of another type than it
should be is as good as not said: what comes in here was written by others.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from recovery.bounces.evidence import Evidence

_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
LONGEST: Final = 4000  # characters of text that are read

_TOLD: Final = (str, int, float, bool, list)

Facts = dict[str, Any]


def evidence_of(
    esp: str, raw_event: Any, *, kind: str, recipient: str, reject_reason: str = "", text: str = ""
) -> Evidence:
    """Read a raw event; ``kind``, ``recipient``, ``reject_reason`` and ``text`` are what anymail made of it.

    Never raises for an odd event: what it does not say is left out.
    """
    read = READERS.get(esp)
    facts = read(_Said(raw_event), recipient) if read else {}
    status = str(facts.get("status") or "")
    return Evidence(
        esp=esp,
        kind=kind,
        recipient=recipient,
        status=status if _STATUS.fullmatch(status) else "",
        code=_code(facts.get("code")),
        provider_type=str(facts.get("type") or "").strip().lower()[:60],
        provider_subtype=str(facts.get("subtype") or "").strip().lower()[:60],
        reject_reason=reject_reason,
        text=(str(facts.get("text") or "") or text)[:LONGEST],
        stream=str(facts.get("stream") or "")[:100],
    )


class _Said:
    """A raw event that may be anything: asks for a path of keys, and gets "" where there is none."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def __call__(self, *path: str) -> Any:
        value = self.raw
        for key in path:
            if not (type(value) is dict or isinstance(value, Mapping)) or key not in value:
                return ""
            value = value[key]
        return value if isinstance(value, _TOLD) else ""

    def all(self, *paths: str) -> str:
        """The texts at these dotted paths, each once."""
        found: list[str] = []
        for path in paths:
            text = str(self(*path.split("."))).strip()
            if text and text not in found:
                found.append(text)
        return ": ".join(found)


def _code(value: Any) -> int:
    try:
        code = int(value)
    except (TypeError, ValueError):
        return 0
    return code if 400 <= code < 600 else 0


def _amazon_ses(said: _Said, recipient: str) -> Facts:
    event = str(said("eventType") or said("notificationType"))
    facts: Facts = {"type": event, "stream": _first(said("mail", "tags", "ses:configuration-set"))}
    if event == "Bounce":
        own = next((one for one in _dicts(said("bounce", "bouncedRecipients")) if _is(one, recipient)), {})
        facts |= {"type": said("bounce", "bounceType"), "subtype": said("bounce", "bounceSubType")}
        facts |= {"status": own.get("status"), "text": own.get("diagnosticCode")}
    elif event == "DeliveryDelay":
        own = next((one for one in _dicts(said("deliveryDelay", "delayedRecipients")) if _is(one, recipient)), {})
        facts |= {"subtype": said("deliveryDelay", "delayType")}
        facts |= {"status": own.get("status"), "text": own.get("diagnosticCode")}
    elif event == "Complaint":
        facts |= {"subtype": said("complaint", "complaintFeedbackType")}
    else:
        facts |= {"text": said.all("reject.reason", "failure.errorMessage")}
    return facts


def _brevo(said: _Said, recipient: str) -> Facts:
    return {"type": said("event"), "text": said("reason"), "stream": said("tag")}


def _mailersend(said: _Said, recipient: str) -> Facts:
    return {"type": said("data", "type"), "text": said.all("data.morph.readable_reason", "data.morph.reason")}


def _mailgun(said: _Said, recipient: str) -> Facts:
    if not said("event-data", "event"):
        return _mailgun_before_2018(said)
    failed = said("event-data", "event") == "failed"
    return {
        "type": said("event-data", "severity" if failed else "event"),
        "subtype": said("event-data", "reason"),
        "status": said("event-data", "delivery-status", "enhanced-code"),
        "code": said("event-data", "delivery-status", "code"),
        "text": said.all(
            "event-data.delivery-status.message",
            "event-data.delivery-status.description",
            "event-data.reject.reason",
            "event-data.reject.description",
        ),
        "stream": _first(said("event-data", "tags")),
    }


def _mailgun_before_2018(said: _Said) -> Facts:
    """A form: of a field that is there twice, the first is Mailgun's and the second of whoever wrote the mail."""
    lists = getattr(said.raw, "lists", None)
    form = _Said({name: values[0] for name, values in lists() if values}) if lists else said
    code = str(form("code"))
    return {
        "type": form("event"),
        "subtype": "old" if form("reason") == "old" else code,
        "status": code,
        "code": code,
        "text": form.all("error", "notification", "description"),
    }


def _mailjet(said: _Said, recipient: str) -> Facts:
    kinds = {"bounce": "hard" if said("hard_bounce") is True else "soft", "blocked": "blocked"}
    return {
        "type": kinds.get(str(said("event")), said("event")),
        "subtype": said("error"),
        "text": said.all("smtp_reply", "comment"),
        "stream": said("customcampaign"),
    }


def _mailtrap(said: _Said, recipient: str) -> Facts:
    return {
        "type": said("event"),
        "subtype": said("bounce_category"),
        "code": said("response_code"),
        "text": said.all("response", "reason"),
        "stream": said("sending_stream"),
    }


def _mandrill(said: _Said, recipient: str) -> Facts:
    return {
        "type": said("event"),
        "subtype": said("msg", "bounce_description") or said("reject", "reason") or said("msg", "reject", "reason"),
        "text": said.all("msg.diag", "reject.detail"),
        "stream": said("msg", "subaccount"),
    }


def _postal(said: _Said, recipient: str) -> Facts:
    came_back = isinstance(said.raw, Mapping) and isinstance(said.raw.get("payload"), Mapping)
    bounce = came_back and "bounce" in said.raw["payload"]
    return {
        "type": said("payload", "status") or ("bounce" if bounce else ""),
        "text": said.all("payload.output", "payload.details", "payload.bounce.subject"),
        "stream": said("payload", "message", "tag"),
    }


def _postmark(said: _Said, recipient: str) -> Facts:
    return {
        "type": said("Type") or said("SuppressionReason"),
        "text": said("Details") or said("Description"),
        "stream": said("MessageStream"),
    }


_RESEND_SENTENCES: Final = (
    ("suppressed sending", "suppressed"),
    ("hard bounce message", "permanent"),
    ("inbox was full", "transient"),
    ("general bounce message", "transient"),
)
"""Its events had no type at first."""


def _resend(said: _Said, recipient: str) -> Facts:
    sentence = str(said("data", "bounce", "message"))
    guessed = next((kind for phrase, kind in _RESEND_SENTENCES if phrase in sentence), "")
    return {
        "type": said("data", "bounce", "type") or guessed,
        "subtype": said("data", "bounce", "subType"),
        "text": _first(said("data", "bounce", "diagnosticCode")) or sentence,
    }


def _sendgrid(said: _Said, recipient: str) -> Facts:
    is_drop = said("event") == "dropped"
    return {
        "type": said("event") if is_drop else said("type") or said("event"),
        "subtype": said("reason") if is_drop else said("bounce_classification"),
        "status": said("status"),
        "code": said("status"),
        "text": said.all("reason", "response"),
        "stream": _first(said("category")),
    }


def _sparkpost(said: _Said, recipient: str) -> Facts:
    wrapped = said.raw.get("msys") if isinstance(said.raw, Mapping) else None
    event = _Said(next(iter(wrapped.values()), {}) if isinstance(wrapped, Mapping) else {})
    return {
        "type": event("type"),
        "subtype": event("bounce_class"),
        "code": event("error_code"),
        "text": event("raw_reason") or event("reason"),
        "stream": event("campaign_id"),
    }


def _unisender_go(said: _Said, recipient: str) -> Facts:
    return {
        "type": said("status"),
        "subtype": said("delivery_info", "delivery_status"),
        "text": said.all("delivery_info.destination_response", "comment"),
    }


READERS: Final[Mapping[str, Callable[[_Said, str], Facts]]] = {
    "amazon_ses": _amazon_ses,
    "brevo": _brevo,
    "mailersend": _mailersend,
    "mailgun": _mailgun,
    "mailjet": _mailjet,
    "mailtrap": _mailtrap,
    "mandrill": _mandrill,
    "postal": _postal,
    "postmark": _postmark,
    "resend": _resend,
    "sendgrid": _sendgrid,
    "sparkpost": _sparkpost,
    "unisender_go": _unisender_go,
}


def _first(value: Any) -> Any:
    return (value[0] if value else "") if isinstance(value, list) else value


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _is(one: Mapping[str, Any], recipient: str) -> bool:
    return str(one.get("emailAddress", "")).strip().lower() == recipient.strip().lower()
