"""What each provider's raw event says. anymail's own event has lost what tells hard from soft."""

from typing import Any

from recovery.bounces.evidence import Evidence


def evidence_of(
    esp: str, raw_event: Any, *, kind: str, recipient: str, reject_reason: str = "", text: str = ""
) -> Evidence:
    """Read a raw event; ``kind``, ``recipient``, ``reject_reason`` and ``text`` are what anymail made of it."""
    return Evidence(esp=esp, kind=kind, recipient=recipient, reject_reason=reject_reason, text=text)
