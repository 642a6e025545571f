"""Addresses that must not be mailed now. Asked right before a mail leaves, so that all routes share the answer.

Only mail that came back for good and complaints put an address here, each for a time that grows; a policy refusal,
which is our fault, and a marketing opt-out never do.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import router
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac

from recovery import audit
from recovery.accounts import key_of
from recovery.addresses import normalise
from recovery.conf import secret_keys
from recovery.models import AuditEvent, Bounce, NewBounce, Suppression
from recovery.models.batches import insert_new
from recovery.models.insertion import insert
from recovery.models.moves import Ban, Known, sql
from recovery.models.primary import atomic, new_key
from recovery.models.rows import columns, read
from recovery.models.statements import Statement
from recovery.reasons import Action, BounceClass, EmailKind, Lift, SuppressionReason

TERMS: Final[Mapping[str, Sequence[timedelta]]] = {
    SuppressionReason.BOUNCED: (timedelta(days=7), timedelta(days=30), timedelta(days=90), timedelta(days=365)),
    SuppressionReason.COMPLAINED: (timedelta(days=30), timedelta(days=365)),
}
"""How long the first time, the second and so on; the last holds for all further ones. One true hard bounce must not
silence a person for ever."""
MEMORY: Final = timedelta(days=730)  # after which an earlier one counts no more; so long after its end it is purged

_REASONS: Final[Mapping[str, SuppressionReason]] = {
    BounceClass.HARD: SuppressionReason.BOUNCED,
    BounceClass.COMPLAINT: SuppressionReason.COMPLAINED,
}
STOPPING: Final = frozenset(_REASONS)
HASHED: Final = "erased:"
"""With this begins what stands for the address of somebody who was erased: a keyed hash."""


def of(address_keys: Iterable[str], *, kind: str = EmailKind.RESET) -> dict[str, str]:
    """Which of these must not get mail of this kind now, and why: key -> reason, the newest one's. One statement, none
    for none."""
    keys = sorted(set(address_keys))
    return {key: found[kind] for key, found in held(keys).items() if kind in found}


def held(address_keys: Iterable[str]) -> dict[str, dict[str, str]]:
    """Which kinds of mail these addresses must not get now: key -> kind -> reason, the newest one's. One statement,
    none for none."""
    keys = sorted(set(address_keys))
    if not keys:
        return {}
    whose = {stored: key for key in keys for stored in kept_as([key])}
    among, params = sql.among("address_key", list(whose))
    live = (
        f"SELECT {columns(Suppression)} FROM {Suppression._meta.db_table} WHERE {among} AND lifted_at IS NULL"
        f" AND (until IS NULL OR until > {sql.now()}) ORDER BY since, id"
    )
    found: dict[str, dict[str, str]] = {}
    for row in read(Suppression, live, params):
        found.setdefault(whose[row.address_key], {}).update(dict.fromkeys(_stopped(row.kind), row.reason))
    return found


def kept_as(address_keys: Iterable[str]) -> list[str]:
    """What may stand for these addresses in the list: themselves, and what is left of them after an erasure."""
    return [form for key in address_keys for form in (key, *(_hashed(key, secret) for secret in secret_keys()))]


def forget(address_keys: Iterable[str]) -> int:
    """Keep of these addresses only what stops mail to them now, under a keyed hash, in the caller's transaction.
    Returns how many rows went or lost their address."""
    found, live = 0, Q(lifted_at=None) & (Q(until=None) | Q(until__gt=Now()))
    for key in set(address_keys):
        rows = Suppression.objects.filter(address_key=key)
        hashed = _hashed(key, secret_keys()[0])
        found += rows.filter(live).update(address_key=hashed, bounce_key=None)
        found += rows._raw_delete(router.db_for_write(Suppression))
    return found


def beside(suppression: Suppression) -> list[Suppression]:
    """The others that stop mail to its address now, the newest first."""
    same = Suppression.objects.filter(address_key=suppression.address_key, lifted_at=None).exclude(pk=suppression.pk)
    return list(same.filter(Q(until=None) | Q(until__gt=Now())))


def add(address: str, *, reason: str, source: str, until: datetime | None = None, kind: str = "") -> Suppression:
    """Mail nobody at this address until then, or until it is lifted. The trail names the row, not the address."""
    row = Suppression(
        address_key=normalise(address)[:254], kind=kind, reason=reason[:32], source=source[:40], until=until
    )
    with atomic(Suppression):
        insert(row, _noted(row))
    return row


def lift(suppression: Suppression, *, actor: AbstractBaseUser, reason: str) -> bool:
    """This one stops no mail any more; others of the same address do. One that was lifted already stays: False."""
    live = Suppression.objects.filter(pk=suppression.pk, lifted_at=None)
    with atomic(Suppression):
        lifted_by = key_of(actor)
        if not live.update(lifted_at=Now(), lift=Lift.STAFF, lifted_by=lifted_by, lift_reason=reason[:500]):
            return False
        _record_lifted(suppression.pk, Lift.STAFF, actor_key=lifted_by, reason=reason, **_whose(suppression))
    return True


def can_stop_again(suppression: Suppression) -> bool:
    """Whether staff lifted it before its time was over, and nothing else stops the same mail now."""
    if suppression.lift != Lift.STAFF or (suppression.until and suppression.until <= timezone.now()):
        return False
    return not any(other.kind in ("", suppression.kind) for other in beside(suppression))


def stop_again(lifted: Suppression, *, actor: AbstractBaseUser, reason: str) -> bool:
    """The undo of a lift by staff: a new one stops the same mail for as long as that would have; commits. False where
    ``can_stop_again`` is.

    No other address can be stopped by hand: whoever could would keep the notices of an account from its owner.
    """
    facts = {name: getattr(lifted, name) for name in ("address_key", "kind", "until", "bounce_key")}
    row = Suppression(**facts, reason=SuppressionReason.STAFF, source="staff")
    with atomic(Suppression):
        held = Suppression.objects.select_for_update().get(pk=lifted.pk)  # pressed twice, it stops once
        if not can_stop_again(held):
            return False
        told = {**_whose(row), **_facts(row)}
        insert(row, audit.event(Action.SUPPRESSED, actor_key=key_of(actor), reason=reason, **told))
    return True


def address_changed(address: str, *, user_key: str, actor_key: str = "") -> int:
    """Somebody made it the address of this account anew: what is known of it is old. Returns how many were lifted."""
    forms = kept_as([normalise(address)[:254]])
    live = Suppression.objects.filter(Q(until=None) | Q(until__gt=Now()), address_key__in=forms)
    lifted = 0
    with atomic(Suppression):
        for pk in list(
            live.filter(lifted_at=None).exclude(reason=SuppressionReason.STAFF).values_list("pk", flat=True)
        ):
            if Suppression.objects.filter(pk=pk, lifted_at=None).update(lifted_at=Now(), lift=Lift.ADDRESS_CHANGE):
                _record_lifted(pk, Lift.ADDRESS_CHANGE, actor_key=actor_key, user_key=user_key)
                lifted += 1
    return lifted


class Arrival(NamedTuple):
    """The newest delivery to an address, of all that are told at once."""

    at: datetime
    email: Known


class _Row(NamedTuple):
    """A suppression that is not written yet, or one that is there as a delivery leaves it."""

    id: UUID
    address_key: str
    kind: str
    reason: str
    source: str
    bounce_key: UUID | None
    since: datetime
    until: datetime | None
    lifted_at: Now | None = None
    lift: str = ""
    lifted_by: str = ""
    lift_reason: str = ""


def statements_of(
    bounces: Sequence[Bounce | NewBounce], emails: Mapping[Any, Known], *, delivered: Mapping[str, Arrival]
) -> list[Statement]:
    """What these bounces and deliveries, by address, make of the list, to be run with what they follow from.

    Told in any order they come to one end: a bounce older than the last delivery to its address stops nothing, and a
    delivery younger than it lifts it.
    """
    now, rows, noted = Now(), list[_Row](), list[audit.Noted]()
    bans = {email.recipient_key: email.bans for email in emails.values()}
    for bounce in bounces:
        email = emails.get(bounce.email_id)
        if email and (row := _imposed(bounce, email, bans[email.recipient_key], delivered)):
            ban = Ban(row.id, row.reason, row.kind, row.since, row.until)
            bans[email.recipient_key] = [*bans[email.recipient_key], ban]
            rows.append(row)
            noted.append(audit.noted(Action.SUPPRESSED, **_owner(email), **_facts(row)))
    imposed = {row.id for row in rows}
    for key, arrival in delivered.items():
        for ban in bans.get(key, ()):
            if ban.reason == SuppressionReason.BOUNCED and ban.since < arrival.at and ban.id not in imposed:
                # Of a row that is there, only the lift is written.
                facts = ban.id, key, ban.kind, ban.reason, "", None, ban.since, ban.until
                rows.append(_Row(*facts, lifted_at=now, lift=Lift.DELIVERY))
                told = {**_owner(arrival.email), "suppression": str(ban.id), "by": Lift.DELIVERY.value}
                noted.append(audit.noted(Action.SUPPRESSION_LIFTED, **told))
    if not rows:
        return []
    lifting = "UPDATE SET lifted_at = excluded.lifted_at, lift = excluded.lift"
    written = insert_new(Suppression, _Row._fields, rows, unique="id", then=lifting)
    return [written, audit.statement_of(noted)]


def _imposed(
    bounce: Bounce | NewBounce, email: Known, bans: Sequence[Ban], delivered: Mapping[str, Arrival]
) -> _Row | None:
    reason, at = _REASONS.get(bounce.bounce_class), bounce.occurred_at
    if reason is None:
        return None
    newest = delivered.get(email.recipient_key)
    arrived = max(filter(None, [email.last_delivered_at, newest and newest.at]), default=None)
    if reason == SuppressionReason.BOUNCED and arrived and arrived > at:
        return None
    # A complaint is about mail of that kind; a newsletter's bounce is no word about recovery mail.
    is_of_site = email.kind == EmailKind.SITE
    kind = email.kind if reason == SuppressionReason.COMPLAINED or is_of_site else ""
    same = [ban for ban in bans if ban.reason == reason and ban.kind == kind]
    if any(ban.until is None or (ban.since - timedelta(days=1) <= at < ban.until) for ban in same):
        return None
    terms = TERMS[reason]
    count = sum(1 for ban in same if at - MEMORY < ban.since < at)
    until = at + terms[min(count, len(terms) - 1)]
    return _Row(new_key(), email.recipient_key, kind, reason, bounce.esp or "mail", bounce.id, at, until)


def _hashed(address_key: str, secret: str) -> str:
    mac = salted_hmac("recovery.suppressions", address_key, secret=secret, algorithm="sha256")
    return HASHED + mac.hexdigest()[:32]


def _stopped(kind: str) -> Collection[str]:
    return [kind] if kind else EmailKind.values


def _noted(row: Suppression) -> AuditEvent:
    return audit.event(Action.SUPPRESSED, **_facts(row))


def _facts(row: Suppression | _Row) -> dict[str, Any]:
    """What the trail says of it."""
    return {"suppression": str(row.id), "why": str(row.reason), "source": row.source}


def _owner(email: Known) -> dict[str, Any]:
    """Whose mail it was, for the trail; of one to several accounts its request says it."""
    request_id = UUID(email.request_id) if email.request_id else None
    return {"user_key": email.user_key, "request_id": request_id, "email_id": email.id}


def _whose(suppression: Suppression) -> dict[str, Any]:
    """Whose mail it was that came back, as long as that is kept."""
    key = suppression.bounce_key
    bounce = Bounce.objects.select_related("email").filter(pk=key).first() if key else None
    if bounce is None or bounce.email is None:
        return {}
    return {"user_key": bounce.user_key, "request_id": bounce.email.request_id, "email": bounce.email}


def _record_lifted(key: Any, by: Lift, **facts: Any) -> None:
    audit.record(Action.SUPPRESSION_LIFTED, **facts, suppression=str(key), by=by.value)
