"""The site's other mail, as rows of the Email log: to whom, what about, what became of it. No body, ever.

It is sent by whoever called Django's mail, not by a worker: a row of it is never due, never claimed and never sent by
us. So what did not leave is ``failed``, and what may have left rests as ``unknown`` until a report says more.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from email.utils import parseaddr
from typing import Final

from django.core.mail import EmailMessage
from django.db.models.functions import Now
from django.utils import timezone

from recovery import outbox
from recovery.addresses import normalise
from recovery.models import Email, moves
from recovery.models.primary import atomic
from recovery.reasons import EmailKind, EmailReason, EmailState, EmailVerb, TryOutcome
from recovery.routes import Tried

LOST: Final = timedelta(hours=1)  # longer than any process sends one mail
BATCH: Final = 500
ENDS: Final[Mapping[TryOutcome, tuple[EmailVerb, str]]] = {
    TryOutcome.ACCEPTED: (EmailVerb.HAND_OVER, ""),
    TryOutcome.REFUSED_RECIPIENT: (EmailVerb.FAIL, EmailReason.PROVIDER_REFUSED_RECIPIENT),
    TryOutcome.REFUSED_US: (EmailVerb.FAIL, EmailReason.PROVIDER_REFUSED_US),
    TryOutcome.REFUSED_MAIL: (EmailVerb.FAIL, EmailReason.PROVIDER_REFUSED_MAIL),
    TryOutcome.BUSY: (EmailVerb.FAIL, EmailReason.PROVIDER_BUSY),
    TryOutcome.LATER: (EmailVerb.FAIL, EmailReason.PROVIDER_BUSY),
    TryOutcome.DOWN: (EmailVerb.FAIL, EmailReason.PROVIDER_DOWN),
    TryOutcome.AMBIGUOUS: (EmailVerb.REST, EmailReason.NO_CLEAR_ANSWER),
    TryOutcome.MALFORMED: (EmailVerb.FAIL, EmailReason.RENDER_ERROR),
}
"""There is no second try: we have no text to try it with."""


def record(messages: Sequence[EmailMessage], *, route: str, reason: EmailReason | None) -> list[list[Email]]:
    """Write one row for each recipient of each message, as being sent, or withheld for this reason."""
    rows = [[_row(message, address, route, reason) for address in _addresses(message)] for message in messages]
    if emails := [email for of_message in rows for email in of_message]:
        outbox.write(emails)
    return rows


def note(told: Sequence[tuple[Email, Tried]]) -> None:
    """Write down what became of mail. A report that came earlier keeps its higher state."""
    with atomic(Email):
        moves.move([_move(email, tried) for email, tried in told])


def rest_lost() -> int:
    """Mail whose process died while it was sending: it may have left, and nobody will say so. Returns how many."""
    lost = Email.objects.filter(kind=EmailKind.SITE, state=EmailState.SENDING, queued_at__lt=Now() - LOST)
    with atomic(Email):
        died = EmailReason.WORKER_DIED
        keys = lost.order_by("queued_at").values_list("pk", flat=True)[:BATCH]
        return len(moves.move([moves.Move(email_id=key, verb=EmailVerb.REST, reason=died) for key in keys]))


def _addresses(message: EmailMessage) -> list[str]:
    """To, cc and bcc, each address once."""
    return list(dict.fromkeys(parseaddr(str(each))[1] or str(each) for each in message.recipients()))


def _row(message: EmailMessage, address: str, route: str, reason: EmailReason | None) -> Email:
    now = timezone.now()
    return Email(
        kind=EmailKind.SITE,
        recipient=_line(address, 254),
        recipient_key=_line(normalise(address), 254),
        subject=_line(str(message.subject or ""), 255),
        state=EmailState.WITHHELD if reason else EmailState.SENDING,
        reason=reason or "",
        route="" if reason else route,
        queued_at=now,
        claimed_at=None if reason else now,
        send_by=now,
        next_try_at=None,
    )


def _move(email: Email, tried: Tried) -> moves.Move:
    verb, reason = ENDS[tried.outcome]
    return moves.Move(
        email_id=email.pk,
        verb=verb,
        reason=reason,
        detail=tried.detail,
        route=tried.route,
        esp=tried.esp,
        esp_message_id=tried.esp_message_id,
    )


def _line(text: str, width: int) -> str:
    """One line that every database can hold: what a host puts into a message is its own business."""
    return "".join(c if c.isprintable() else " " for c in text)[:width]
