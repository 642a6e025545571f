"""The parts of a bounce mail that machines wrote for machines: delivery reports (RFC 3464) and complaints (RFC 5965).

Read as text, block by block: senders forget the blank line between two recipients, encode what must not be encoded, and
call the part text/plain.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from recovery.bounces import statuses
from recovery.reasons import EventKind

ADDRESS: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[\w-]+\.)+[\w-]+")
ACTIONS: Final[Mapping[str, str]] = {"failed": EventKind.BOUNCED, "delayed": EventKind.DEFERRED}
"""What is absent (delivered, relayed, expanded) is no failure."""
GOOD: Final = frozenset({"delivered", "relayed", "expanded", "deliverable"})
NO_COMPLAINT: Final = frozenset({"not-spam", "auth-failure", "virus", "dismiss"})
"""Feedback types (RFC 5965, 6430, 6591) by which nobody complains."""

_FIELD: Final = re.compile(r"^([A-Za-z][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*)$")
_BEGINS: Final = re.compile(r"^[ \t]*(?:Final-Recipient|Original-Recipient)\s*:", re.IGNORECASE | re.MULTILINE)

Fields = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a report says about one recipient. ``final`` is where the mail had been passed on to, if it had."""

    kind: str
    recipient: str
    final: str = ""
    status: str = ""
    text: str = ""
    by_report: bool = False


def has_recipients(text: str) -> bool:
    """Whether a text holds blocks of a delivery report, whatever its part is called."""
    return bool(_BEGINS.search(text))


def beginning(text: str) -> int:
    """Where the first of those blocks begins; what stands before it is said to people."""
    found = _BEGINS.search(text)
    return found.start() if found else len(text)


def told_in(text: str) -> Iterator[Told]:
    """What a delivery report tells of each recipient; nothing of those who got the mail, or will."""
    for fields in _blocks(text):
        recipient, original = (
            address_in(fields.get("final-recipient", "")),
            address_in(fields.get("original-recipient")),
        )
        status = statuses.status_in(fields.get("status", ""))
        action = fields.get("action", "").lower().split(" ")[0].strip("();,")
        kind = ACTIONS.get(action) or _by_status(action, fields.get("status", ""))
        if kind and (recipient or original):
            yield Told(
                kind=kind,
                recipient=original or recipient,
                final=recipient if original.lower() != recipient.lower() else "",
                status=status,
                by_report=True,
                text=_without_type(fields.get("diagnostic-code", "")) or fields.get("status", "").partition(" ")[2],
            )


def fields_of(text: str) -> Fields:
    """All fields of a text, however it is cut into blocks; of one that is there twice, the first."""
    found: Fields = {}
    for block in _blocks(text):
        found = {**block, **found}
    return found


def address_in(text: str | None) -> str:
    """The first mail address in a text, as ``rfc822; <a@b>``; or ""."""
    found = ADDRESS.search(text or "")
    return re.sub(r"^(?i:smtp|rfc822)=", "", found[0].strip("'").rstrip("."))[:254] if found else ""


def _by_status(action: str, status: str) -> str:
    """Some leave the action out, or write it in their own language."""
    if action in GOOD or status.startswith("2"):
        return ""
    return EventKind.DEFERRED if action.startswith("delay") else EventKind.BOUNCED


def _blocks(text: str) -> Iterator[Fields]:
    """Groups of fields; a recipient begins a new one even without the blank line."""
    fields: Fields = {}
    last = ""
    for line in text.splitlines():
        match = _FIELD.match(line.lstrip(" \t") if not fields else line)
        name = match[1].lower() if match else ""
        if not line.strip() or (name == "final-recipient" and name in fields):
            yield from [fields] if fields else []
            fields, last = {}, ""
        if match:
            fields.setdefault(name, match[2].strip())
            last = name
        elif last and line[:1] in " \t":
            fields[last] += f" {line.strip()}"
    if fields:
        yield fields


def _without_type(diagnostic: str) -> str:
    """``smtp; 550 no`` without the type of code that comes first (RFC 3464 section 2.3.6)."""
    return re.sub(r"^[\w-]+\s*;\s*", "", diagnostic)
