"""What staff may do for a person: send a link. They never see or choose a secret."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.translation import gettext as _

from recovery import accounts, audiences, audit, bell, limits
from recovery.addresses import normalise
from recovery.agents import barred_by
from recovery.exceptions import NotAllowed
from recovery.models import ResetRequest
from recovery.models.insertion import insert
from recovery.models.primary import atomic
from recovery.models.requests import SWEEP_GRACE
from recovery.origin import Origin
from recovery.reasons import Action, Kind, Outcome


def send_by_staff(
    user: AbstractBaseUser, *, actor: AbstractBaseUser | None, reason: str, origin: Origin, audience: str = ""
) -> ResetRequest:
    """Ask for a reset on behalf of ``user``; the person gets a link, the actor a reference.

    Passes the person's throttle and cool-down. Commits the request and its trail row, then rings. Raises
    NotAllowed out of the actor's scope or past the actor's own cap; the refusal is on the trail. Without an actor, for
    a command, there is neither. ``audience``: a door for the link; without one, that of the account when it is decided.
    """
    request = request_of(user, kind=Kind.ADMIN, actor=actor, reason=reason, origin=origin, audience=audience)
    return write_for(request, user, actor=actor)


def request_of(
    user: AbstractBaseUser,
    *,
    kind: Kind,
    actor: AbstractBaseUser | None,
    reason: str,
    origin: Origin,
    audience: str,
) -> ResetRequest:
    """A request for the account of ``user``, to be written. Raises Misconfigured for an unknown audience."""
    return ResetRequest(
        kind=kind,
        audience=audiences.asked_for(audience),
        identifier=accounts.name_of(user)[:254],
        user_key=accounts.key_of(user),
        actor_key=accounts.key_of(actor) if actor else "",
        reason=reason[:500],
        ip=origin.ip or None,
        user_agent=origin.user_agent,
        language="" if actor else origin.language,  # the person's, never that of staff
    )


def write_for(request: ResetRequest, user: AbstractBaseUser, *, actor: AbstractBaseUser | None) -> ResetRequest:
    """Write what staff ask for, if they may, and ring; commits and raises as ``send_by_staff``.

    The trail says which limits of the person this passes.
    """
    if actor:
        check_scope(actor, user, reason=request.reason)
    passed = sorted(held_up([user]).get(request.user_key, ()))
    with atomic(ResetRequest):
        taken, now = limits.take({"staff": request.actor_key})
        if actor and taken["staff"].refused:
            refuse(actor, user, request.reason, by="staff limit")
            is_allowed = False
        else:
            request = written(request, at=now, **({"passed": passed} if passed else {}))
            is_allowed = True
    if not is_allowed:
        raise NotAllowed(f"Too many links sent; free again at {taken['staff'].free_again_at:%H:%M} UTC.")
    bell.ring("recovery.fulfil_reset", request.pk)
    return request


def written(request: ResetRequest, *, at: datetime, **detail: Any) -> ResetRequest:
    """Write it with its row of the trail, in the caller's transaction.

    An activation that no worker has looked at yet is not asked for twice: it becomes that of whoever asks now, so that
    a site that activates whoever is created, and staff who tick it as well, send one mail.
    """
    if request.kind == Kind.ACTIVATION and (waiting := _taken_over(request)):
        request = waiting
    else:
        request.requested_at, request.next_try_at = at, at + SWEEP_GRACE
        insert(request)
    facts: dict[str, Any] = {"actor_key": request.actor_key, "user_key": request.user_key, "reason": request.reason}
    audit.record(Action.REQUESTED, request=request, at=at, **facts, kind=request.kind, **detail)
    request.announce()
    return request


def _taken_over(request: ResetRequest) -> ResetRequest | None:
    unseen = ResetRequest.objects.filter(
        kind=Kind.ACTIVATION, user_key=request.user_key, outcome=Outcome.RECEIVED, attempt_count=0, actor_key=""
    )
    names = ("actor_key", "reason", "audience", "ip", "user_agent", "language")
    known = {name: value for name in names if (value := getattr(request, name))}
    for pk in unseen.values_list("pk", flat=True)[:1]:
        if unseen.filter(pk=pk).update(**known):  # unless a worker has it meanwhile
            return ResetRequest.objects.get(pk=pk)
    return None


def held_up(users: Iterable[AbstractBaseUser]) -> dict[str, dict[str, datetime]]:
    """Which limits on asking are used up for each of these people, and when each is free again: key of the account ->
    name of the limit -> moment. Until then people who ask for themselves are refused, and staff are not. Counts
    nothing; one statement, and those of the site's accounts.
    """
    asked: dict[tuple[str, str], set[str]] = {}
    for user in users:
        account = accounts.of_user(user)
        names = {accounts.name_of(user), *(address.text for address in account.addresses)} - {""}
        subjects: list[tuple[str, str]] = [("account", account.key), *(("address", normalise(name)) for name in names)]
        for pair in subjects:
            asked.setdefault(pair, set()).add(account.key)  # an address may be that of several accounts
    held: dict[str, dict[str, datetime]] = {}
    for (name, subject), standing in limits.look(asked).items():
        for key in asked[name, subject] if standing.is_used_up else ():
            free = held.setdefault(key, {})
            free[name] = max(standing.free_again_at, free.get(name, standing.free_again_at))
    return held


def check_rank(actor: Any, user: Any, *, reason: str) -> None:
    """Raises NotAllowed for an account that may do more than the actor: a superuser's, and that of a colleague with a
    right that the actor lacks. Else the right to correct an address would be all rights. The refusal is on the
    trail. Superusers may act on everybody."""
    if getattr(actor, "is_superuser", False):
        return
    if getattr(user, "is_superuser", False):
        refuse(actor, user, reason, by="rank")
        raise NotAllowed(_("Only a superuser may do this to a superuser."))
    if getattr(user, "is_staff", False) and not actor.has_perms(_rights_once_active(user)):
        refuse(actor, user, reason, by="rank")
        raise NotAllowed(
            _("This colleague has rights that you do not have. Ask somebody who has them, or a superuser.")
        )


def _rights_once_active(user: Any) -> set[str]:
    """All rights of the account; of an inactive one, to which Django gives none, those that it has once active."""
    if not user.is_active:
        user = accounts.by_key(accounts.key_of(user)) or user  # a copy without rights in its cache, never saved
        user.is_active = True
    return set(user.get_all_permissions()) if hasattr(user, "get_all_permissions") else set()


def check_scope(actor: AbstractBaseUser, user: AbstractBaseUser, *, reason: str) -> None:
    """Raises NotAllowed out of the actor's scope; the refusal is on the trail."""
    if rule := barred_by(actor, user):
        refuse(actor, user, reason, by=rule)
        raise NotAllowed


def note_beyond(actor: AbstractBaseUser, users: Iterable[AbstractBaseUser], *, reason: str = "") -> None:
    """Put on the trail that staff asked for each of these, who are out of their scope; commits each."""
    for user in users:
        refuse(actor, user, reason, by=barred_by(actor, user))


def refuse(actor: AbstractBaseUser, user: AbstractBaseUser, reason: str, *, by: str) -> None:
    """Put on the trail that staff may not do this, and which rule says so."""
    actor_key, user_key = accounts.key_of(actor), accounts.key_of(user)
    audit.record(Action.STAFF_REFUSED, actor_key=actor_key, user_key=user_key, reason=reason, by=by)
