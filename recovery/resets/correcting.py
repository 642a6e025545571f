"""An address that staff correct: proposed by one of them, and decided by another or left to a wait in which the old
address may object. Only then the account has it, and a fresh link goes there.

Whoever may lead an account's mail elsewhere may have the account: a link for a new password follows it. So nobody on
the staff does that alone (OWASP ASVS 5.0 section 2.3.5, multi-user approval of high-value acts), unless the site says
so by ``ADDRESS_CORRECTION``.
"""

from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError, router, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from recovery import accounts, audit, bell, limits, notices, outbox
from recovery.conf import conf
from recovery.exceptions import NotAllowed
from recovery.models import AddressCorrection
from recovery.models.insertion import insert
from recovery.models.primary import atomic
from recovery.origin import Origin
from recovery.reasons import Action, CorrectionState, Kind
from recovery.resets import staff
from recovery.resets.addresses import address_changed

AT_ONCE: Final = "at_once"
RIGHT: Final = "recovery.correct_address"
LIFE: Final = timedelta(days=7)  # of a proposal that waits for a second member of staff; then its facts are old
BATCH: Final = 200


def correct_address(user: Any, address: str, *, actor: Any, reason: str) -> AddressCorrection:
    """Propose the right address of an account; the old one and all others of the account are told, the new one is not.

    With ``ADDRESS_CORRECTION`` "at_once" it is stored now; else it waits, see ``approve_correction`` and
    ``settle_corrections``. One commit with its trail; a correction that took effect rings for its link. Counts in the
    actor's cap of links, for one follows.

    Raises NotAllowed out of the actor's scope, for who may do more than the actor, for a frozen address unless the
    actor may force rotations, past the cap, where a correction is pending, and at once where the address was changed
    meanwhile or is another account's.
    """
    _check(user, actor=actor, reason=reason)
    _take_of_cap(user, actor=actor, reason=reason)
    mode = conf.ADDRESS_CORRECTION
    row = AddressCorrection(
        user_key=accounts.key_of(user),
        old_address=str(getattr(user, accounts.email_field()) or ""),
        new_address=address,
        proposer_key=accounts.key_of(actor),
        reason=reason[:500],
    )
    if isinstance(mode, timedelta):
        row.effective_at = row.proposed_at + mode
    try:
        with atomic(AddressCorrection):
            insert(row)
            if mode != AT_ONCE:
                _propose(row, user)
            elif not _take_effect(row, user, decider=actor, decision=""):
                raise NotAllowed(_("The address was changed meanwhile. Look at it again."))
    except IntegrityError:
        raise NotAllowed(_("A correction of this address is pending already. Decide on that one first.")) from None
    row.refresh_from_db()
    return row


def approve_correction(row: AddressCorrection, *, actor: Any, reason: str) -> bool:
    """Let a pending correction take effect: the address is stored, both are told, and a fresh link goes to the new one.
    One commit with its trail, then a ring. False where it does not: it has ended, or the address was changed meanwhile.

    Raises NotAllowed to whoever proposed it or whose account it is, and as ``correct_address``; the refusal is on the
    trail.
    """
    user = accounts.by_key(row.user_key)
    if user is None:
        return False
    if accounts.key_of(actor) == row.proposer_key:
        staff.refuse(actor, user, reason, by="own proposal")
        raise NotAllowed(_("Somebody else must approve what you have proposed."))
    if accounts.key_of(actor) == row.user_key:
        staff.refuse(actor, user, reason, by="own account")
        raise NotAllowed(_("Somebody else must approve an address of your own account. Ask a colleague."))
    _check(user, actor=actor, reason=reason)
    with atomic(AddressCorrection):
        return _take_effect(row, user, decider=actor, decision=reason)


def refuse_correction(row: AddressCorrection, *, actor: AbstractBaseUser, reason: str) -> bool:
    """End a pending correction, the address stays; one commit with its trail. False if it had ended."""
    return _end(row, CorrectionState.REFUSED, decider_key=accounts.key_of(actor), decision=reason)


def withdraw_corrections(user_key: str, end: CorrectionState) -> bool:
    """End what is pending for an account, without staff, in the caller's transaction if there is one. False: nothing
    was."""
    row = AddressCorrection.objects.filter(user_key=user_key).pending().first()
    return row is not None and _end(row, end)


def settle_corrections() -> int:
    """Let those take effect whose wait is over, and end those on which nobody decided for ``LIFE``; commits each.
    Returns how many that were."""
    settled = 0
    for row in list(_ripe()[:BATCH]):
        with atomic(AddressCorrection):
            user, proposer = accounts.by_key(row.user_key), accounts.by_key(row.proposer_key)
            if user is None or proposer is None or not _may_still(proposer, user):
                settled += _end(row, CorrectionState.LAPSED)
            else:
                settled += _take_effect(row, user, decider=proposer, decision="", by_wait=True)
    return settled + sum(_end(row, CorrectionState.LAPSED) for row in list(_left_alone()[:BATCH]))


def corrections_due() -> int:
    """How many of them ``settle_corrections`` would end."""
    return _ripe().count() + _left_alone().count()


def _ripe() -> "QuerySet[AddressCorrection]":
    """None where the site has gone over to a second pair of eyes meanwhile."""
    waits = isinstance(conf.ADDRESS_CORRECTION, timedelta)
    return AddressCorrection.objects.ripe() if waits else AddressCorrection.objects.none()


def _left_alone() -> "QuerySet[AddressCorrection]":
    old = AddressCorrection.objects.pending().filter(proposed_at__lt=Now() - LIFE)
    return old.filter(effective_at=None) if isinstance(conf.ADDRESS_CORRECTION, timedelta) else old


def _check(user: Any, *, actor: Any, reason: str) -> None:
    staff.check_scope(actor, user, reason=reason)
    staff.check_rank(actor, user, reason=reason)
    if accounts.addresses_are_frozen(user) and not actor.has_perm("recovery.force_rotation"):
        staff.refuse(actor, user, reason, by="frozen")
        raise NotAllowed(
            _("A new password was forced a short while ago: the address stays. Ask somebody who may force passwords.")
        )


def _may_still(proposer: Any, user: Any) -> bool:
    """Whether whoever proposed it could propose it now: staff who left, or lost the right, change nothing any more."""
    if not (proposer.is_active and proposer.has_perm(RIGHT)):
        return False
    try:
        _check(user, actor=proposer, reason="")
    except NotAllowed:
        return False
    return True


def _take_of_cap(user: Any, *, actor: Any, reason: str) -> None:
    taken = limits.take({"staff": accounts.key_of(actor)})[0]["staff"]
    if taken.refused:
        staff.refuse(actor, user, reason, by="staff limit")
        raise NotAllowed(_("Too many links sent; free again at %s UTC.") % f"{taken.free_again_at:%H:%M}")


def _propose(row: AddressCorrection, user: AbstractBaseUser) -> None:
    emails = notices.address_proposed(user, row)
    audit.record(
        Action.ADDRESS_PROPOSED,
        actor_key=row.proposer_key,
        user_key=row.user_key,
        reason=row.reason,
        correction=str(row.pk),
        effective_at=row.effective_at.isoformat() if row.effective_at else None,
        told=len(emails),
    )
    outbox.ring(emails)


def _take_effect(
    row: AddressCorrection, user: Any, *, decider: AbstractBaseUser, decision: str, by_wait: bool = False
) -> bool:
    """In the caller's transaction, which holds the row from its end on."""
    decider_key = "" if by_wait else accounts.key_of(decider)
    if not _end(row, CorrectionState.DONE, decider_key=decider_key, decision=decision):
        return False
    if not _stored(row, user):
        _end(row, CorrectionState.OVERTAKEN, was=CorrectionState.DONE, decider_key=decider_key, decision=decision)
        return False
    reason = decision or row.reason
    address_changed(user, old=row.old_address, new=row.new_address, actor=decider, reason=reason)
    request = staff.request_of(user, kind=Kind.ADMIN, actor=decider, reason=reason, origin=Origin(), audience="")
    staff.written(request, at=timezone.now(), correction=str(row.pk))
    bell.ring("recovery.fulfil_reset", request.pk)
    return True


def _stored(row: AddressCorrection, user: Any) -> bool:
    """Store the new address where the account has the old one still and nobody else has the new one."""
    name = accounts.email_field()
    field, others = user._meta.get_field(name), type(user)._default_manager.exclude(pk=user.pk)
    if field.unique and others.filter(**{f"{name}__iexact": row.new_address}).exists():
        return False
    try:
        with transaction.atomic(using=router.db_for_write(type(user))):
            return accounts.replace_address(user, old=row.old_address, new=row.new_address)
    except IntegrityError:  # somebody else took it at this moment
        return False


def _end(
    row: AddressCorrection,
    end: CorrectionState,
    *,
    was: CorrectionState = CorrectionState.PENDING,
    decider_key: str = "",
    decision: str = "",
) -> bool:
    with atomic(AddressCorrection):
        held = AddressCorrection.objects.filter(Q(pk=row.pk, state=was))
        facts = {"ended_at": timezone.now(), "decider_key": decider_key, "decision": decision[:500]}
        if not held.update(state=end, **facts):
            return False
        audit.record(
            Action.CORRECTION_ENDED,
            actor_key=decider_key,
            user_key=row.user_key,
            reason=decision,
            correction=str(row.pk),
            end=end.value,
            proposed_by=row.proposer_key,
        )
    return True
