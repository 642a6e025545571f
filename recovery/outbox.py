"""Puts mail in. A queued row is a promise: ``delivery`` takes it out, whatever dies in between."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from recovery.addresses import normalise
from recovery.models import Email, EmailEvent, ResetRequest
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
    """Write one email and its ``queued`` event for each recipient, in the caller's transaction: two statements.

    One recipient a message, because several providers report opens and bounces per message. Recipients are
    stored addresses. ``send_by`` is 24 hours from now unless given. ``context`` must be JSON without secrets.
    The caller rings ``recovery.send_email`` or delivers.
    """
    now = timezone.now()
    emails = [
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
    if emails:
        insert(*emails)
        insert(*[EmailEvent(email=email, kind=EventKind.QUEUED, occurred_at=now) for email in emails])
    return emails
