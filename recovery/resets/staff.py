"""What staff may do for a person: send a link, correct an address. They never see or choose a secret."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.module_loading import import_string

from recovery import accounts, audit, bell, limits, notices, outbox, suppressions, tokens
from recovery.conf import conf
from recovery.exceptions import NotAllowed
from recovery.models import ResetRequest
from recovery.models.insertion import insert
from recovery.models.primary import atomic
from recovery.models.requests import SWEEP_GRACE
from recovery.origin import Origin
from recovery.reasons import Action, Kind


def may_act_on(actor: AbstractBaseUser, user: AbstractBaseUser) -> bool:
    """Whether the site lets this member of staff reach this account (``MAY_ACT_ON``); yes if it says nothing."""
    return bool(import_string(conf.MAY_ACT_ON)(actor, user)) if conf.MAY_ACT_ON else True


def send_by_staff(
    user: AbstractBaseUser, *, actor: AbstractBaseUser | None, reason: str, origin: Origin, audience: str = "default"
) -> ResetRequest:
    """Ask for a reset on behalf of ``user``; the person gets a link, the actor a reference.

    Passes the person's throttle and cool-down. Commits the request and its trail row, then rings. Raises
    NotAllowed out of the actor's scope or past the actor's own cap; the refusal is on the trail. Without an actor, for
    a command, there is neither.
    """
    actor_key = accounts.key_of(actor) if actor else ""
    request = ResetRequest(
        kind=Kind.ADMIN,
        audience=audience,
        identifier=user.get_username()[:254],
        user_key=accounts.key_of(user),
        actor_key=actor_key,
        reason=reason[:500],
        ip=origin.ip or None,
        user_agent=origin.user_agent,
    )
    if actor and not may_act_on(actor, user):
        _refuse(request, "MAY_ACT_ON")
        raise NotAllowed
    with atomic(ResetRequest):
        taken, now = limits.take({"staff": actor_key})
        allowed = not (actor and taken["staff"].refused)
        if allowed:
            request.requested_at, request.next_try_at = now, now + SWEEP_GRACE
            insert(request)
            audit.record(
                Action.REQUESTED, actor_key=actor_key, user_key=request.user_key, request=request, reason=reason, at=now
            )
        else:
            _refuse(request, "staff limit")
    if not allowed:
        raise NotAllowed(f"Too many links sent; free again at {taken['staff'].free_again_at:%H:%M} UTC.")
    bell.ring("recovery.fulfil_reset", request.pk)
    return request


def address_changed(user: AbstractBaseUser, *, old: str, new: str, actor: AbstractBaseUser, reason: str) -> int:
    """Follow up an address that staff changed: open links die, both addresses are told, the trail has it.

    Runs in the caller's transaction if there is one, so that it holds with the change or not at all.
    Returns how many links ended.
    """
    user_key = accounts.key_of(user)
    with atomic(ResetRequest):
        ended = tokens.revoke(user_key)
        suppressions.address_changed(new, actor_key=accounts.key_of(actor))
        emails = notices.address_changed(user, old=old, new=new)
        audit.record(
            Action.ADDRESS_CHANGED,
            actor_key=accounts.key_of(actor),
            user_key=user_key,
            reason=reason,
            links_ended=ended,
            told=len(emails),
        )
    outbox.ring(emails)
    return ended


def _refuse(request: ResetRequest, by: str) -> None:
    audit.record(
        Action.STAFF_REFUSED, actor_key=request.actor_key, user_key=request.user_key, reason=request.reason, by=by
    )
