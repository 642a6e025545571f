"""Bounce mails as servers write them, and what we find in one."""

from email.message import EmailMessage
from email.utils import format_datetime

from django.utils import timezone

from recovery.bounces import mails

PERSON = "reader@library.example"
OURS = "accounts@library.example"
SAID = "<reader@library.example>: host mx.library.example[192.0.2.7] said: 550 5.1.1 User unknown"


def group(recipient: str = PERSON, *, action: str = "failed", status: str = "5.1.1", **fields: str) -> str:
    """What a delivery report says of one recipient; ``Original_Recipient`` is the field of that name."""
    lines = [f"Final-Recipient: rfc822; {recipient}", f"Action: {action}", f"Status: {status}"]
    return "\n".join([*lines, *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]) + "\n"


def report(
    *groups: str, to: str = OURS, said: str = SAID, message_id: str = "<1@library.example>", returned_to: str = PERSON
) -> bytes:
    """A delivery report (RFC 3464): what is said to people, for machines, and the mail that comes back."""
    returned = f"From: {OURS}\nTo: {returned_to}\nMessage-ID: {message_id}\nSubject: Your new password\n"
    return "\n".join(
        [
            "Return-Path: <>",
            "From: MAILER-DAEMON@mx.library.example (Mail Delivery System)",
            f"To: {to}",
            "Subject: Undelivered Mail Returned to Sender",
            f"Date: {format_datetime(timezone.now())}",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
            "",
            "--b",
            "Content-Type: text/plain; charset=utf-8",
            "",
            said,
            "",
            "--b",
            "Content-Type: message/delivery-status",
            "",
            "Reporting-MTA: dns; mx.library.example",
            "",
            "\n".join(groups or [group()]),
            "--b",
            "Content-Type: text/rfc822-headers",
            "",
            returned,
            "--b--",
            "",
        ]
    ).encode()


def complaint(
    kind: str = "abuse", *, to: str = OURS, named: str = "", mail_from: str = "", return_path: str = ""
) -> bytes:
    """A complaint in the abuse reporting format (RFC 5965), which may say where the mail came from."""
    field = f"Original-Rcpt-To: <{named}>\n" if named else ""
    field += f"Original-Mail-From: <{mail_from}>\n" if mail_from else ""
    path = f"Return-Path: <{return_path}>\n" if return_path else ""
    parts = [
        "Content-Type: text/plain\n\nThis is an email abuse report.\n",
        f"Content-Type: message/feedback-report\n\nFeedback-Type: {kind}\nUser-Agent: Loop/1.0\n{field}Version: 1\n",
        f"Content-Type: message/rfc822\n\n{path}From: {OURS}\nTo: {PERSON}\nSubject: Your new password\n\nhello\n",
    ]
    head = (
        f"From: fbl@provider.example\nTo: {to}\nSubject: complaint\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
    )
    return (head + "".join(f"--b\n{part}\n" for part in parts) + "--b--\n").encode()


def plain(
    text: str, *, sender: str = "MAILER-DAEMON@mx.example", subject: str = "failure notice", **fields: str
) -> bytes:
    """A mail without any report."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, OURS, subject
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


Found = list[tuple[str, str, str]]


def found(raw: bytes) -> Found:
    """Recipient, class and rule of each failure."""
    letter = mails.read(raw)
    return [(one.evidence.recipient, one.classified.bounce_class, one.classified.rule) for one in letter.failures]
