"""The only writer of the trail. A state change and its record share the caller's transaction.

No personal data goes in: names, addresses and client addresses stand in the request or email that the row
points to, or beside the row (``AuditOrigin``), where they can be erased.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, ParamSpec
from uuid import UUID

from django.db.models.functions import Now

from recovery import origin
from recovery.addresses import mask_whole
from recovery.models import AuditEvent, AuditOrigin, Email, ResetRequest
from recovery.models.batches import insert_new
from recovery.models.insertion import insert
from recovery.models.primary import new_key
from recovery.models.statements import Statement
from recovery.reasons import OUTCOMES, Action, ActOutcome, Outcome

_Facts = ParamSpec("_Facts")
_ELSEWHERE: Final = frozenset({Action.REQUESTED, Action.LINK_OPENED, Action.COMPLETED, Action.DIAGNOSED})
"""Where from stands in the request or the link, which such an act writes anyway; and a look at a row is one row."""
_WENT_ON: Final = frozenset({Outcome.RECEIVED, Outcome.SENT, Outcome.PARTLY_SENT, Outcome.COMPLETED, Outcome.JOINED})


def event(
    action: str,
    *,
    actor_key: str = "",
    user_key: str = "",
    request: ResetRequest | None = None,
    request_id: UUID | None = None,
    email: Email | None = None,
    reason: str = "",
    at: datetime | None = None,
    **detail: Any,
) -> AuditEvent:
    """One row: who (``actor_key``, blank for the person or the app), did what, to whose account. It is not written yet:
    for a caller that writes it together with what it records.

    ``request`` and ``email`` give their ids and the reference; ``reason`` is what staff typed, of which
    stays what ``kept`` says; ``detail`` must be JSON and free of personal data. Without
    ``at`` the database says when. Where the person of a web request acted from goes beside the row, or into the request
    or link that is written with it.
    """
    row = AuditEvent(
        action=action,
        outcome=outcome_of(action, detail),
        actor_key=actor_key,
        user_key=user_key,
        request_id=request.pk if request else request_id,
        reference=request.reference if request else "",
        email_id=email.pk if email else None,
        reason=kept(reason),
        occurred_at=at or Now(),
        detail=detail,
    )
    here = None if action in _ELSEWHERE else origin.here()
    if here and (here.ip or here.user_agent):
        row.beside = _beside(row, here)
        row.origin = digest_of(row.beside)
    return row


def kept(reason: str) -> str:
    """What staff typed, as it may stand where nothing is ever taken out: mail addresses masked, client addresses
    shortened, 500 characters at most."""
    return origin.shorten_in(mask_whole(reason))[:500]


def outcome_of(action: str, detail: Mapping[str, Any]) -> ActOutcome:
    """How an act came out, by its name and by what it says of itself."""
    decided = detail.get("outcome", Outcome.RECEIVED) if action in (Action.REQUESTED, Action.DECIDED) else None
    if decided == Outcome.EXPIRED:
        return ActOutcome.FAILED
    if detail.get("refusal") or (decided and decided not in _WENT_ON):
        return ActOutcome.REFUSED
    return OUTCOMES.get(Action(action), ActOutcome.DONE)


def digest_of(beside: AuditOrigin) -> str:
    """What a row of the trail holds of where its person acted from: an HMAC under a salt that goes with it. Without the
    salt it tells nothing, and with it that nobody wrote another place beside the row."""
    return digest_of_place(beside.id, beside.ip, beside.user_agent, beside.salt)


def digest_of_place(key: UUID, ip: str | None, user_agent: str, salt: str) -> str:
    text = f"{key}\n{ip or ''}\n{user_agent}"
    return hmac.digest(salt.encode(), text.encode(), hashlib.sha256).hex()[:32]


def _beside(row: AuditEvent, here: origin.Origin) -> AuditOrigin:
    return AuditOrigin(
        id=row.id,
        person_key=row.actor_key or row.user_key,
        ip=here.ip or None,
        user_agent=here.user_agent,
        salt=secrets.token_hex(16),
    )


def _writing(described: Callable[_Facts, AuditEvent]) -> Callable[_Facts, AuditEvent]:
    def write(*args: _Facts.args, **facts: _Facts.kwargs) -> AuditEvent:
        row = described(*args, **facts)
        insert(row)
        return row

    return write


record = _writing(event)
"""Write the row that ``event`` describes with the same facts. Raises DatabaseError, which must end the caller's
transaction."""


def record_each(action: str, subjects: Sequence[tuple[str, UUID | None]]) -> None:
    """One row for each account and request to which the same happened by itself, in one statement."""
    facts = {"action": action, "outcome": outcome_of(action, {}), "occurred_at": Now()}
    events = [AuditEvent(user_key=user_key, request_id=request, **facts) for user_key, request in subjects]
    if events:
        insert(*events)


class Noted(NamedTuple):
    """A row that is not written yet, of one of many things that happened by themselves at once: an instance of the
    model costs more than the row."""

    id: UUID
    occurred_at: Now
    action: str
    outcome: str
    detail: Mapping[str, Any]
    actor_key: str = ""
    user_key: str = ""
    request_id: UUID | None = None
    email_id: UUID | None = None
    reference: str = ""
    reason: str = ""
    origin: str = ""


def noted(
    action: str,
    *,
    user_key: str = "",
    request_id: UUID | None = None,
    email_id: UUID | None = None,
    **detail: Any,
) -> Noted:
    """As ``event``, of what nobody did, to be written by ``statement_of``. The database says when."""
    row = Noted(new_key(), Now(), action, outcome_of(action, detail).value, detail)
    return row._replace(user_key=user_key, request_id=request_id, email_id=email_id)


def statement_of(rows: Sequence[Noted]) -> Statement:
    """Any number of rows that ``noted`` made, to be written together with what they record."""
    return insert_new(AuditEvent, Noted._fields, rows)
