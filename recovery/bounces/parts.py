"""A mail cut into texts, by who wrote them for whom: to people, for machines, and the mail that comes back.

Read with the standard library's parser as far as it goes; what is damaged is decoded as far as it can be.
"""

import html
import re
from dataclasses import dataclass, field
from email.message import Message
from typing import Final

from recovery.bounces import prose, reports

MOST_PARTS: Final = 200
DEEPEST: Final = 10

LONGEST_TYPE: Final = 2000
LONGEST_HTML: Final = 200_000  # characters

_TAG: Final = re.compile(r"<[^<>@]{0,500}>")
_HIDDEN: Final = re.compile(r"<(style|script|head)\b", re.IGNORECASE)
_BREAK: Final = re.compile(r"<(?:br|/?p|/?div|/?tr|/?li|/?h\d|/?table)\b[^>]{0,200}>", re.IGNORECASE)


@dataclass(slots=True)
class Parts:
    """The texts of a mail, by who wrote them for whom."""

    said: list[str] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    complained: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)


def parted(message: Message) -> Parts:
    parts = Parts()
    _collect(message, parts, depth=0)
    return parts


def _collect(part: Message, parts: Parts, depth: int) -> None:
    if len(str(part.get("Content-Type", ""))) > LONGEST_TYPE:
        del part["Content-Type"]  # its parameters are read in quadratic time
    kind = part.get_content_type()
    many = part.get_payload()
    if kind in ("message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers") and depth:
        inner = many[0] if isinstance(many, list) and many else None
        if isinstance(inner, Message) and inner.get_content_type() == "multipart/report":
            _collect(inner, parts, depth + 1)  # a gateway passed the report on as a mail within its own
        else:
            parts.returned.append(_whole(part))
    elif kind in ("message/delivery-status", "message/global-delivery-status"):
        parts.reported.append(_whole(part))
    elif kind == "message/feedback-report":
        parts.complained.append(_whole(part))
    elif isinstance(many, list):
        for inner in many[:MOST_PARTS]:
            if isinstance(inner, Message) and depth < DEEPEST:
                _collect(inner, parts, depth + 1)
    else:
        text = _text(part)
        if kind == "text/html":
            text = _seen(text[:LONGEST_HTML])
        head, tail = prose.cut(text)
        parts.said.append(head[: reports.beginning(head)])
        if reports.has_recipients(head):
            parts.reported.append(head)
        parts.returned.append(tail)


def _seen(text: str) -> str:
    """What a person would see of HTML. Every step is linear: an element that never ends is looked for once."""
    low, kept, at = text.lower(), list[str](), 0
    endless = set[str]()
    for opening in _HIDDEN.finditer(text):
        name = opening[1].lower()
        if opening.start() < at or name in endless:
            continue
        ends = low.find(f"</{name}", opening.end())
        if ends < 0:
            endless.add(name)
            continue
        kept.append(text[at : opening.start()])
        at = ends
    kept.append(text[at:])
    return html.unescape(_TAG.sub(" ", _BREAK.sub("\n", "".join(kept))))


def _whole(part: Message) -> str:
    """The text of a part that the parser took for one or more messages, also where it is encoded."""
    inner = part.get_payload()
    if not isinstance(inner, list):
        return _text(part)
    texts = [f"{_fields(one)}\n{_body(one)}" for one in inner if isinstance(one, Message)]
    whole = "\n\n".join(texts)
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if encoding in ("base64", "quoted-printable"):
        coded = Message()
        coded["Content-Transfer-Encoding"] = encoding
        coded.set_payload(whole.strip())
        return _text(coded)
    return whole


def _fields(message: Message) -> str:
    return "\n".join(f"{name}: {value}" for name, value in message.items())


def _body(message: Message) -> str:
    payload = message.get_payload()
    return _text(message)[: prose.LONGEST] if not isinstance(payload, list) else ""


def _text(part: Message) -> str:
    """Decoded as far as it can be."""
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    for charset in (part.get_content_charset(), "utf-8"):
        try:
            return data.decode(charset or "utf-8").replace("\r\n", "\n")
        except (LookupError, UnicodeError, ValueError):
            continue
    return data.decode("latin-1").replace("\r\n", "\n")
