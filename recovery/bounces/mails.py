"""A bounce mail as bytes to what it tells: which recipients failed, for which mail of ours, and why.

Standard library, and flufl.bounce where it is installed for what is not understood here. Everything in such a mail is
written by strangers, and much of it is damaged: what cannot be read is left out, and nothing raises but ``TooBig``.
"""

import email
import email.header
import hashlib
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from importlib import import_module
from itertools import islice
from typing import Any, Final
from uuid import UUID

from recovery.bounces import classes, prose, reports, statuses, texts
from recovery.bounces.evidence import Classified, Evidence
from recovery.bounces.parts import Parts, parted
from recovery.bounces.reports import Told
from recovery.reasons import BounceClass, EventKind

logger = logging.getLogger(__name__)

LARGEST: Final = 50_000_000
"""Bytes past which a mail is not read at all."""
READ: Final = 2_000_000  # bytes that are looked at: reports come before the mail that they return
MOST_BORDERS: Final = 1000  # lines that may begin a part; what comes behind is the mail that comes back, or an attack
MOST_LINES: Final = 2000  # of each part that flufl.bounce gets: it asks some fifty patterns about every line
LONGEST_HEADER: Final = 2000
SOURCE: Final = "mail"
"""What stands for the provider."""

_DAEMON: Final = re.compile(
    r"mailer.?daemon|postmaster|mail.{0,3}(?:delivery|admin|system|service)|post_master|delivery.{0,3}(?:sub.?)?(?:system|service|agent)"
    r"|system.{0,3}administrator|internet mail|\bndr@|mail_?er\b|\bmta\b|smtp_mail|daemon|bounce|mmdf|listserv|maild",
    re.IGNORECASE,
)
_SUBJECT: Final = re.compile(
    r"un-?deliver|non-?deliver|not (?:be )?deliver"
    r"|deliver(?:y|ed|ing)?\b.{0,30}(?:fail|status|problem|report|error|warning|delay|notif|impossible|unable)"
    r"|fail\w*.{0,20}(?:mail|notice|deliver|message|send)"
    r"|(?:mail|message|e-?mail).{0,20}(?:error|fail|reject|return|delay|block|bounce)"
    r"|return(?:ed|ing).{0,20}(?:mail|message|to sender)|could ?n.t (?:be )?(?:send|sent|deliver)"
    r"|reject|bounce|mail system error|user unknown|delayed"
    r"|unzustellbar|nicht zustellbar|onbestelbaar|non remis|échec|no (?:se )?(?:pud[oe]|puede|ha podido) entregar"
    r"|no entregad|n[ãa]o entregue|non recapitat|mancata consegna|недоставлен|не доставлен"
    r"|メールエラー通知|配信不能|配信できません|退信|投递失败",
    re.IGNORECASE,
)
_AUTO_REPLY: Final = re.compile(
    r"out of (?:the )?office|auto(?:matic)?[ -]?(?:repl|respon|antwort)|vacation|abwesen|absence|on leave|away from",
    re.IGNORECASE,
)
_DELAYED: Final = re.compile(
    r"delayed|still being retried|not yet (?:been )?(?:delivered|able)|has been (?:postponed|delayed)"
    r"|will (?:continue|be retried|retry|keep trying)"
    r"|delivery attempts will continue|warning only|advisory-only|do not need to resend",
    re.IGNORECASE,
)
_AFTER_DATA: Final = re.compile(r"in reply to end of data|>>> data\s+<<< 5", re.IGNORECASE)
_OUR_ID: Final = re.compile(
    r"^(?:Message-ID|X-Original-Message-ID)\s*:\s*<?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@", re.I | re.M
)
_CAME_FROM: Final = re.compile(r"^(?:Original-Mail-From|Return-Path)\s*:(.*)$", re.IGNORECASE | re.MULTILINE)
_TO: Final = re.compile(r"^(?:To|Cc|X-Envelope-To|Delivered-To)\s*:(.*(?:\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)
_FROM: Final = re.compile(r"^(?:From|Sender|Return-Path|Reply-To)\s*:(.*(?:\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)


class TooBig(Exception):
    """More bytes than any bounce has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One recipient that a mail tells of; ``final`` is where the mail had been passed on to, where it had."""

    evidence: Evidence
    classified: Classified
    final: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What one bounce mail tells. ``fingerprint`` is equal for the same bytes."""

    fingerprint: str
    sent_to: Sequence[str] = ()
    sent_at: datetime | None = None
    returned_id: UUID | None = None
    failures: Sequence[Failure] = ()


def read(raw: bytes) -> Letter:
    """What this mail tells; no failures for one that is no bounce. Raises TooBig, and nothing else."""
    if len(raw) > LARGEST:
        raise TooBig
    fingerprint = hashlib.sha256(raw).hexdigest()
    try:
        return _read(fingerprint, email.message_from_bytes(_beginning(raw)))
    except Exception as error:  # noqa: BLE001 - the standard library's parser, on bytes of strangers
        logger.warning("bounce mail %.12s could not be read (%s)", fingerprint, type(error).__name__)
        return Letter(fingerprint=fingerprint)


def _read(fingerprint: str, message: Message) -> Letter:
    parts = parted(message)
    told = list(islice(_told(message, parts), prose.MOST))
    our_id = _OUR_ID.search("\n".join(parts.returned))
    return Letter(
        fingerprint=fingerprint,
        sent_to=[*_sent_to(message), *(_came_from(parts) if parts.complained else ())],
        sent_at=_date(message),
        returned_id=UUID(our_id[1]) if our_id else None,
        failures=[found for one in told if (found := _judged(one, parts))],
    )


def _beginning(raw: bytes) -> bytes:
    """As much as is looked at: the standard library's parser makes an object of every part."""
    head, end = raw[:READ], -1
    for _border in range(MOST_BORDERS):
        end = head.find(b"\n--", end + 1)
        if end < 0:
            return head
    return head[:end]


def _told(message: Message, parts: Parts) -> Iterator[Told]:
    """The strongest source that there is: a complaint, a report, Exim's own header, then what is said to people."""
    for text in parts.complained:
        yield from _complaint(reports.fields_of(text), parts)
        return
    told = [one for text in parts.reported for one in reports.told_in(text)]
    if told or (parts.reported and _is_good_news(parts)):
        yield from _each_once(told)
        return
    if not _is_bounce(message, parts):
        return
    said, hints, ours = "\n".join(parts.said), _addressed(_TO, parts), _ours(message, parts)
    kind = EventKind.DEFERRED if _DELAYED.search(f"{_header(message, 'Subject')}\n{said}") else EventKind.BOUNCED
    if named := reports.ADDRESS.findall(_header(message, "X-Failed-Recipients")):
        hints = named
    found = list(prose.failures(said, ours=ours, hints=hints))
    if not found and (by_flufl := list(_by_flufl(message, said))):
        yield from by_flufl
        return
    for address, text in found:
        yield Told(kind=kind, recipient=address, text=text or said[:2000])
    if not found and _is_machine(message):
        yield Told(kind=kind, recipient="", text=said[:2000])  # the return path may know whose it is


def _is_good_news(parts: Parts) -> bool:
    """All that the report tells is that the mail arrived, or went on to where nobody reports."""
    actions = re.findall(r"^Action\s*:\s*(\w+)", "\n".join(parts.reported), re.IGNORECASE | re.MULTILINE)
    return bool(actions) and {action.lower() for action in actions} <= reports.GOOD


def _each_once(told: Sequence[Told]) -> Iterator[Told]:
    """A recipient who is told of twice counts once, as failed where one of them says so."""
    best: dict[str, Told] = {}
    for one in told:
        before = best.get(one.recipient.lower())
        if before is None or (before.kind != EventKind.BOUNCED and one.kind == EventKind.BOUNCED):
            best[one.recipient.lower()] = one
    yield from best.values()


def _complaint(fields: reports.Fields, parts: Parts) -> Iterator[Told]:
    kind = fields.get("feedback-type", "abuse").lower()
    if kind in reports.NO_COMPLAINT:
        return
    named = reports.address_in(fields.get("original-rcpt-to")) or reports.address_in(fields.get("removal-recipient"))
    for address in [named] if named else _addressed(_TO, parts)[:1]:
        yield Told(kind=EventKind.COMPLAINED, recipient=address, text=f"feedback report: {kind}")


def _judged(told: Told, parts: Parts) -> Failure | None:
    """By what was said of this recipient; where that does not say why, by what else was said to people."""
    said = "\n".join(parts.said)
    own = next((text for name, text in prose.failures(said, ours=(), hints=[told.recipient]) if name), "")
    stage = ""  # a report has no field for what the server replied to
    if texts.before_recipient(own or said):
        stage = " (in reply to MAIL FROM command)"
    elif _AFTER_DATA.search(own or said):
        stage = " (in reply to end of DATA command)"
    reply = told.text and told.text + stage
    quoted = "" if told.by_report else statuses.first_reply(told.text)
    best: Failure | None = None
    tried = [*([quoted + stage] if quoted else []), reply, f"{reply} {own}".strip(), f"{reply} {said[:3000]}".strip()]
    for text in dict.fromkeys(tried):
        evidence = Evidence(esp=SOURCE, kind=told.kind, recipient=told.recipient, status=told.status, text=text)
        classified = classes.classify(evidence)
        if classified is None:
            return None
        best = best or Failure(evidence=evidence, classified=classified, final=told.final)
        if classified.bounce_class != BounceClass.UNDETERMINED or classified.rule != "none":
            return Failure(evidence=evidence, classified=classified, final=told.final)
    return best


def _is_bounce(message: Message, parts: Parts) -> bool:
    """Whether a mail without a report tells of a failure: automatic replies and letters of people do not."""
    if message["X-Failed-Recipients"] is not None:
        return True
    subject, sender = _header(message, "Subject"), f"{_header(message, 'From')} {_header(message, 'Sender')}"
    by_machine = bool(_DAEMON.search(sender)) or _header(message, "Return-Path").strip() == "<>"
    if _AUTO_REPLY.search(subject) and not _DAEMON.search(sender):
        return False
    announced = bool(_SUBJECT.search(subject))
    reply = _header(message, "Auto-Submitted").lower().startswith("auto-replied")
    if reply and not (announced or _DAEMON.search(sender)):
        return False
    return announced or by_machine or message.get_content_type() == "multipart/report"


def _is_machine(message: Message) -> bool:
    sender = f"{_header(message, 'From')} {_header(message, 'Sender')}"
    return bool(_DAEMON.search(sender)) or _header(message, "Return-Path").strip() == "<>"


def _by_flufl(message: Message, said: str) -> Iterator[Told]:
    """What flufl.bounce finds where nothing was understood here, if it is installed."""
    try:
        flufl: Any = import_module("flufl.bounce")
    except ImportError:
        return
    for part in message.walk():
        if isinstance(text := part.get_payload(), str) and text.count("\n") > MOST_LINES:
            part.set_payload("\n".join(text.split("\n", MOST_LINES)[:MOST_LINES]))
    try:
        temporary, permanent = flufl.all_failures(message)
    except Exception as error:  # noqa: BLE001 - foreign code on bytes of strangers
        logger.warning("bounce mail: flufl.bounce could not read it (%s)", type(error).__name__)
        return
    for kind, addresses in ((EventKind.DEFERRED, temporary), (EventKind.BOUNCED, permanent)):
        for address in sorted(addresses):
            yield Told(kind=kind, recipient=address.decode("utf-8", "replace")[:254], text=said[:2000])


def _header(message: Message, name: str) -> str:
    """A header as it is meant; also where it has raw bytes, which only UTF-8 has a right to."""
    raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
    text = str(raw)[:LONGEST_HEADER].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        return str(email.header.make_header(email.header.decode_header(text)))
    except Exception as error:  # noqa: BLE001 - the standard library's decoder, on bytes of strangers
        logger.info("bounce mail: its %s stays as it is written (%s)", name, type(error).__name__)
        return text


def _addressed(fields: re.Pattern[str], parts: Parts) -> list[str]:
    """The addresses in these fields of the returned mail."""
    found = fields.findall("\n".join(parts.returned))
    return list(dict.fromkeys(reports.ADDRESS.findall(" ".join(found))))


def _ours(message: Message, parts: Parts) -> set[str]:
    """Who sent the mail, and who returned it: addresses that did not fail."""
    own = [_header(message, name) for name in ("From", "To", "Cc", "Sender", "Return-Path", "Reply-To", "Delivered-To")]
    found = [*reports.ADDRESS.findall(" ".join(own)), *_addressed(_FROM, parts)]
    return {address.lower() for address in found} - {address.lower() for address in _addressed(_TO, parts)}


def _sent_to(message: Message) -> list[str]:
    """The addresses that the bounce itself came to: one of them is the return path of our mail."""
    names = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-RcptTo")
    values = [str(value)[:LONGEST_HEADER] for name in names for value in message.get_all(name, [])]
    return list(dict.fromkeys(address for _, address in getaddresses(values) if "@" in address))


def _came_from(parts: Parts) -> list[str]:
    """Where the mail came from that is complained of: the complaint goes to a box of its own, and quotes our path."""
    quoted = _CAME_FROM.findall("\n".join([*parts.complained, *parts.returned])[: 10 * LONGEST_HEADER])
    return [address for line in quoted for address in reports.ADDRESS.findall(line)]


def _date(message: Message) -> datetime | None:
    try:
        moment = parsedate_to_datetime(str(message.get("Date", "")))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
