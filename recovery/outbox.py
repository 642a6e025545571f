"""Puts mail in. A queued row is a promise: ``delivery`` takes it out, whatever dies in between."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from recovery.addresses import normalise
from recovery.models import AuditEvent, Email, EmailEvent, ResetRequest
from recovery.models.insertion import insert
from recovery.reasons import EmailKind, EventKind

NOTICE_SEND_BY: Final = timedelta(hours=24)  # a notice of a change is still news the next day
PRIORITY: Final[Mapping[str, int]] = {EmailKind.RESET: 0, EmailKind.NO_PASSWORD: 0, EmailKind.UNKNOWN_ACCOUNT: 2}
NOTICE_PRIORITY: Final = 1


def queue(
    kind: str,
    recipients: Sequence[str],
    *,
    send_by: datetime | None = None,
    user_key: str = "",
    request: ResetRequest | None = None,
    audience: str = "default",
    language: str = "",
    context: Mapping[str, Any] | None = None,
) -> list[Email]:
    """Write one email and its ``queued`` event for each recipient, in the caller's transaction; see ``compose``.

    The caller rings ``recovery.send_email`` or delivers.
    """
    emails = compose(
        kind,
        recipients,
        send_by=send_by,
        user_key=user_key,
        request=request,
        audience=audience,
        language=language,
        context=context,
    )
    write(emails)
    return emails


def write(emails: Sequence[Email], *noted: AuditEvent, after: tuple[str, list[Any]] | None = None) -> None:
    """Write composed emails, their ``queued`` events and rows of the trail, in the caller's transaction; ``after``
    an UPDATE of what they follow from.

    Two statements for the mails and one for the trail; on PostgreSQL one for all.
    """
    queued = [EmailEvent(email=email, kind=EventKind.QUEUED, occurred_at=email.queued_at) for email in emails]
    insert(*emails, *queued, *noted, after=after)


def compose(
    kind: str,
    recipients: Sequence[str],
    *,
    send_by: datetime | None = None,
    user_key: str = "",
    request: ResetRequest | None = None,
    audience: str = "default",
    language: str = "",
    context: Mapping[str, Any] | None = None,
) -> list[Email]:
    """One email for each recipient, to be written: several providers report opens and bounces per message.

    Recipients are stored addresses. ``send_by`` is 24 hours from now unless given. ``context`` must be JSON
    without secrets.
    """
    now = timezone.now()
    return [
        Email(
            kind=kind,
            audience=audience,
            recipient=recipient,
            recipient_key=normalise(recipient)[:254],
            user_key=user_key,
            request=request,
            language=language,
            context=dict(context or {}),
            priority=PRIORITY.get(kind, NOTICE_PRIORITY),
            queued_at=now,
            next_try_at=now,
            send_by=send_by or now + NOTICE_SEND_BY,
        )
        for recipient in dict.fromkeys(recipients)
    ]
