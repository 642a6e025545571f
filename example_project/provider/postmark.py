"""Postmark's wire format: calls in, answers out, events back. Pure functions; no sockets, no memory.

Shapes and error codes from Postmark's developer documentation (Email API, API overview, webhooks). The limits that a
sender can trip over (size, metadata) are kept as Postmark keeps them.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import getaddresses
from random import SystemRandom
from typing import Any

from example_project.provider import fates
from example_project.provider.fates import Record
from example_project.provider.ledger import Message

MAX_BYTES = 10 * 1024 * 1024
MAX_RECIPIENTS = 50
MAX_BATCH = 500
MAX_SUBJECT = 2000
METADATA_FIELDS, METADATA_NAME, METADATA_VALUE = 10, 20, 80
SERVER_ID = 23
TRANSACTIONAL = "outbound"
BOUNCES = {
    Record.HARD_BOUNCE: (
        1,
        "Hard bounce",
        "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
        "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
    ),
    Record.SOFT_BOUNCE: (
        4096,
        "Soft bounce",
        "Unable to temporarily deliver message (i.e. mailbox full, exceeds quota, out of disk space).",
        "smtp;452 4.2.2 The email account that you tried to reach is over quota.",
    ),
    Record.TRANSIENT: (
        2,
        "Message delayed",
        "The server could not temporarily deliver your message (ex: Message is delayed due to network troubles).",
        "smtp;451 4.7.1 Greylisted, please try again later.",
    ),
    Record.SPAM_COMPLAINT: (100001, "Spam complaint", "The subscriber explicitly marked this message as spam.", ""),
}


class Refused(Exception):
    """The call, or one mail of a batch, is not accepted. Carries Postmark's own code, text and HTTP status."""

    def __init__(self, error_code: int, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.message = message
        self.status = status

    def as_json(self) -> dict[str, Any]:
        return {"ErrorCode": self.error_code, "Message": self.message}


def read_call(body: bytes, *, batch: bool) -> list[dict[str, Any]]:
    """The mails of a call, unchecked. Raises Refused when the body is not what the endpoint takes."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(402, "Received invalid JSON input.") from None
    mails = data if batch else [data]
    if not isinstance(mails, list) or not all(isinstance(mail, dict) for mail in mails):
        raise Refused(403, "Incompatible JSON: the structure of the request is not what this endpoint takes.")
    if len(mails) > MAX_BATCH:
        raise Refused(410, f"You can send up to {MAX_BATCH} messages in a single batch.")
    return mails


def read_mail(data: dict[str, Any]) -> Message:
    """One mail of a call. Raises Refused where Postmark would refuse it, inactive recipients included."""
    recipients = [address for field in ("To", "Cc", "Bcc") for address in _addresses(data, field)]
    senders = _addresses(data, "From")
    if len(senders) != 1:
        raise Refused(300, f"Invalid 'From' address: '{data.get('From') or ''}'.")
    if not recipients:
        raise Refused(300, "Zero recipients specified.")
    if len(recipients) > MAX_RECIPIENTS:
        raise Refused(300, f"You can send to up to {MAX_RECIPIENTS} recipients.")
    text, html = str(data.get("TextBody") or ""), str(data.get("HtmlBody") or "")
    if not text and not html:
        raise Refused(300, "Provide either email TextBody or HtmlBody or both.")
    subject = str(data.get("Subject") or "")
    if len(subject) > MAX_SUBJECT:
        raise Refused(300, f"Subject must be at most {MAX_SUBJECT} characters.")
    stream = str(data.get("MessageStream") or TRANSACTIONAL)
    chosen = {address: fates.of(address) for address in recipients}
    refused = {
        address for address, fate in chosen.items() if fate.refused or (fate.no_marketing and stream != TRANSACTIONAL)
    }
    inactive = [address.lower() for address in chosen if address in refused]
    if len(inactive) == len(recipients):
        opening = "You tried to send to recipient(s) that have been marked as inactive.\nFound"
        raise Refused(406, _inactive(opening, inactive))
    return Message(
        sender=senders[0],
        recipients=recipients,
        subject=subject,
        text=text,
        html=html,
        metadata=_metadata(data),
        headers=_headers(data),
        tag=str(data.get("Tag") or ""),
        stream=stream,
        track_opens=bool(data.get("TrackOpens")),
        track_links=str(data.get("TrackLinks") or "None"),
        fates={address: fate for address, fate in chosen.items() if address not in refused},
    )


def accepted(message: Message, to: str) -> dict[str, Any]:
    """The answer to an accepted mail; ``to`` is echoed as it came, names included."""
    inactive = [address.lower() for address in message.recipients if address not in message.fates]
    return {
        "To": to,
        "SubmittedAt": stamp(message.arrived_at),
        "MessageID": message.id,
        "ErrorCode": 0,
        "Message": _inactive("Message OK, but will not deliver to these", inactive) if inactive else "OK",
    }


def event(record: Record, message: Message, recipient: str, at: datetime) -> dict[str, Any]:
    """The webhook's body. The dump of the mail ("Content") is left out, as Postmark does unless a site asks for it."""
    about = {
        "RecordType": record.value,
        "MessageStream": message.stream,
        "MessageID": message.id,
        "ServerID": SERVER_ID,
        "Metadata": message.metadata,
        "Tag": message.tag,
    }
    if record is Record.DELIVERY:
        details = f"smtp;250 2.0.0 OK {message.id} - accepted by the mailbox"
        return {**about, "Recipient": recipient, "DeliveredAt": stamp(at), "Details": details}
    if record is Record.OPEN:
        reader = {"FirstOpen": True, "UserAgent": "Inbox of the provider", "ReadSeconds": 0, "Platform": "Desktop"}
        return {**about, **reader, "Recipient": recipient, "ReceivedAt": stamp(at), "Client": {}, "OS": {}, "Geo": {}}
    code, name, description, details = BOUNCES[record]
    return {
        **about,
        "RecordType": "SpamComplaint" if record is Record.SPAM_COMPLAINT else "Bounce",
        "ID": SystemRandom().randrange(10**8, 10**9),
        "Type": record.value,
        "TypeCode": code,
        "Name": name,
        "Description": description,
        "Details": details,
        "Email": recipient,
        "From": message.sender,
        "BouncedAt": stamp(at),
        "DumpAvailable": True,
        "Inactive": record in (Record.HARD_BOUNCE, Record.SPAM_COMPLAINT),
        "CanActivate": record is not Record.SPAM_COMPLAINT,
        "Subject": message.subject,
    }


def found(messages: Sequence[Message], query: Mapping[str, str]) -> dict[str, Any]:
    """The answer to a search of what was accepted: by recipient, stream and metadata, the newest first."""
    wanted = {name.removeprefix("metadata_"): value for name, value in query.items() if name.startswith("metadata_")}
    recipient, stream = query.get("recipient", "").lower(), query.get("messagestream", "")
    matching = [
        message
        for message in reversed(messages)
        if wanted.items() <= message.metadata.items()
        and (not recipient or recipient in map(str.lower, message.recipients))
        and stream in ("", message.stream)
    ]
    offset, count = int(query.get("offset", 0)), int(query.get("count", 50))
    return {"TotalCount": len(matching), "Messages": [_summary(one) for one in matching[offset : offset + count]]}


def _summary(message: Message) -> dict[str, Any]:
    return {
        "Tag": message.tag,
        "MessageID": message.id,
        "MessageStream": message.stream,
        "To": [{"Email": address, "Name": None} for address in message.recipients],
        "Cc": [],
        "Bcc": [],
        "Recipients": message.recipients,
        "ReceivedAt": stamp(message.arrived_at),
        "From": message.sender,
        "Subject": message.subject,
        "Attachments": [],
        "Status": "Sent",
        "TrackOpens": message.track_opens,
        "TrackLinks": message.track_links,
        "Metadata": message.metadata,
    }


def stamp(at: datetime) -> str:
    """Postmark writes seven decimals and a Z."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def _inactive(opening: str, addresses: list[str]) -> str:
    reason = "Inactive recipients are ones that have generated a hard bounce or a spam complaint."
    return f"{opening} inactive addresses: {', '.join(addresses)}. {reason}"


def _addresses(data: dict[str, Any], field: str) -> list[str]:
    """The bare addresses of a header-like field. Raises Refused for one without a local part and a domain."""
    value = data.get(field) or ""
    if not isinstance(value, str):
        raise Refused(300, f"Invalid '{field}' address: it must be a string.")
    found = [address for _name, address in getaddresses([value]) if address] if value else []
    for address in found:
        local, _, domain = address.rpartition("@")
        if not local or not domain or any(character.isspace() for character in address):
            hint = "It must contain the '@' symbol."
            raise Refused(300, f"Error parsing '{field}': Illegal email address '{address}'. {hint}")
    if value and not found:
        raise Refused(300, f"Invalid '{field}' address: '{value}'.")
    return found


def _metadata(data: dict[str, Any]) -> dict[str, str]:
    metadata = data.get("Metadata") or {}
    if not isinstance(metadata, dict) or len(metadata) > METADATA_FIELDS:
        raise Refused(300, f"Invalid metadata content. There may be {METADATA_FIELDS} fields at most.")
    for name, value in metadata.items():
        if not isinstance(value, str) or len(name) > METADATA_NAME or len(value) > METADATA_VALUE:
            limits = f"Names have {METADATA_NAME} characters at most, values are strings of {METADATA_VALUE} at most."
            raise Refused(300, f"Invalid metadata content. Field: '{name}'. {limits}")
    return dict(metadata)


def _headers(data: dict[str, Any]) -> dict[str, str]:
    headers = data.get("Headers") or []
    try:
        return {str(header["Name"]): str(header["Value"]) for header in headers}
    except (TypeError, KeyError):
        raise Refused(300, "Invalid headers: each takes a Name and a Value.") from None
