"""The compromise playbook, started and steered: whose access is ended, stopped, or followed by a fresh link.

Nothing is ended here: accounts are listed, and ``ending`` works on them at its pace. An account is in at most one
unfinished rotation, so two starts at the same moment end and mail it once.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Now

from recovery import accounts, agents, audit, bell, cases, limits, revoking
from recovery.conf import conf
from recovery.exceptions import NotAllowed
from recovery.models import CaseNote, ResetToken, Rotation, RotationMember, SupportCase
from recovery.models.insertion import insert
from recovery.models.primary import atomic
from recovery.reasons import (
    UNFINISHED,
    Action,
    CaseReason,
    RotationSnag,
    RotationSource,
    RotationStage,
    RotationStep,
    TokenState,
)

BATCH: Final = 500  # SQLite takes 32 766 parameters in a statement, and its oldest builds 999


def force_rotation(
    users: "Iterable[Any] | QuerySet[Any]",
    *,
    actor: AbstractBaseUser | None = None,
    reason: str,
    evidence: str = "",
    source: RotationSource | None = None,
) -> Rotation:
    """Start the playbook for users, or their keys: each one's password becomes unusable, sessions and tokens end,
    addresses stay as they are for ``ADDRESS_FREEZE``, and a link for a new password is mailed, inactive people
    excepted.

    ``actor``: the member of staff; none where the person said that it was not them, or where ``source`` says what
    else. ``evidence`` is for support and is never mailed. One commit, whatever their number, with a support case (one
    for all of them), then a ring. People who wait in another rotation, or whose access ended within the cool-down, are
    left out, but a single one is taken out of a list that they wait in; where that is everybody, nothing is written
    and the rotation that has them is returned.

    Raises NotAllowed where the actor does not reach somebody, or has started too many; that is on the trail. Raises
    ValueError for nobody.
    """
    keys = _keys_of(users)
    if not keys:
        raise ValueError("a rotation needs somebody")
    rotation = Rotation(
        source=source or (RotationSource.STAFF if actor else RotationSource.PERSON),
        actor_key=accounts.key_of(actor) if actor else "",
        reason=reason[:500],
        evidence=evidence[:2000],
    )
    if actor is not None and (rule := _barred_by(actor, keys)):
        _refuse(rotation, rule)
        raise NotAllowed
    with atomic(Rotation):
        refusal = _take_of_cap(rotation)
        if refusal is None:
            _write(rotation, keys)
    if refusal:
        raise refusal
    if not rotation.member_count:
        return RotationMember.objects.filter(user_key__in=keys[:BATCH]).latest("id").rotation
    bell.ring("recovery.rotate", rotation.pk)
    return rotation


def stop_rotation(rotation: Rotation, *, actor: AbstractBaseUser, reason: str) -> int:
    """Leave alone whoever a worker has not begun with, for good; one commit. Returns how many. Raises NotAllowed where
    the actor does not reach everybody in it."""
    _check_reach(rotation, actor, reason)
    with atomic(Rotation):
        waiting = RotationMember.objects.filter(rotation=rotation, step=RotationStep.WAITING)
        stopped = waiting.update(step=RotationStep.STOPPED)
        if stopped:
            _record(Action.ROTATION_STOPPED, rotation, actor, reason, stopped)
    return stopped


def renew_links(rotation: Rotation, *, actor: AbstractBaseUser, reason: str) -> int:
    """Let whoever is stuck get a fresh link, at the same pace; one commit, then a ring. Returns how many.

    Their passwords are not touched again, but for those whose access could not be ended, which is tried anew, as are
    tokens that could not. Of two
    calls at once the second finds nobody. Raises NotAllowed past the actor's cap, and where the actor does not reach
    everybody in it.
    """
    _check_reach(rotation, actor, reason)
    with atomic(Rotation):
        refusal = _take_of_cap(Rotation(pk=rotation.pk, actor_key=accounts.key_of(actor), reason=reason))
    if refusal:
        raise refusal
    try:
        renewed = _renew(rotation, actor, reason)
    except IntegrityError:  # somebody of them was listed by another start at this moment, and is left to that
        renewed = _renew(rotation, actor, reason)
    if renewed:
        bell.ring("recovery.rotate", rotation.pk)
    return renewed


def free_addresses(user: AbstractBaseUser, *, actor: AbstractBaseUser, reason: str) -> bool:
    """Let the addresses of an account be changed again before ``ADDRESS_FREEZE`` is over; False if it is."""
    key = accounts.key_of(user)
    with atomic(Rotation):
        freed = accounts.free_addresses(key)
        if freed:
            audit.record(Action.ADDRESSES_FREED, actor_key=accounts.key_of(actor), user_key=key, reason=reason)
    return freed


def _keys_of(users: "Iterable[Any] | QuerySet[Any]") -> list[str]:
    """Each once, in an order that is everybody's: two starts with people in common wait for each other instead of
    deadlocking."""
    if isinstance(users, QuerySet):
        keys = users.values_list("pk", flat=True)
        return sorted({accounts.key_as_text(key) for key in keys.iterator(chunk_size=2000)})
    given = list(users)
    known = {accounts.key_of(user) for user in given if isinstance(user, AbstractBaseUser)}
    typed = {accounts.key_as_text(key) for key in given if not isinstance(key, AbstractBaseUser)}
    return sorted(known | {key for batch in _batches(sorted(typed)) for key in _as_stored(batch)})


def _as_stored(typed: Sequence[str]) -> Iterator[str]:
    """The keys as the rows of the accounts have them; one that is nobody's stays, and is told as such."""
    found = accounts.by_keys(typed)
    for key in typed:
        user = found.get(key) or accounts.by_key(key)
        yield accounts.key_of(user) if user else key


def _batches(keys: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(keys)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _barred_by(actor: AbstractBaseUser, keys: Sequence[str]) -> str:
    """The setting by which the actor does not reach the first of these whom they do not, or ""."""
    if not agents.is_limited():
        return ""
    people = (user for batch in _batches(keys) for user in accounts.by_keys(batch).values())
    return next(filter(None, (agents.barred_by(actor, user) for user in people)), "")


def _check_reach(rotation: Rotation, actor: AbstractBaseUser, reason: str) -> None:
    """A page shows it to whoever reaches the first of its people; an act on it is one on all of them."""
    members = RotationMember.objects.filter(rotation=rotation)
    keys = list(members.values_list("user_key", flat=True)) if agents.is_limited() else []
    if rule := _barred_by(actor, keys):
        _refuse(Rotation(actor_key=accounts.key_of(actor), reason=reason), rule)
        raise NotAllowed


def _take_of_cap(rotation: Rotation) -> NotAllowed | None:
    """Count a start of the actor's; why it is one too many, on the trail as well."""
    if not rotation.actor_key:
        return None
    taken = limits.take({"rotation": rotation.actor_key})[0]["rotation"]
    if not taken.refused:
        return None
    _refuse(rotation, "rotation limit")
    return NotAllowed(f"Too many forced rotations started; free again at {taken.free_again_at:%H:%M} UTC.")


def _refuse(rotation: Rotation, by: str) -> None:
    audit.record(Action.STAFF_REFUSED, actor_key=rotation.actor_key, reason=rotation.reason, by=by)


def _write(rotation: Rotation, keys: Sequence[str]) -> None:
    insert(rotation)
    if len(keys) == 1:
        _take_out_of_list(keys[0], rotation)
    for batch in _batches(keys):
        # Twice pressed, or two at once: whoever was ended a moment ago has mail on its way, unless there is a new
        # password by now.
        got_in = ResetToken.objects.filter(
            user_key=OuterRef("user_key"), state=TokenState.USED, ended_at__gte=OuterRef("rotated_at")
        )
        lately = RotationMember.objects.filter(
            ~Exists(got_in), user_key__in=batch, step=RotationStep.ROTATED, rotated_at__gt=Now() - conf.COOLDOWN
        )
        left_out = set(lately.values_list("user_key", flat=True))
        members = [RotationMember(rotation=rotation, user_key=key) for key in batch if key not in left_out]
        RotationMember.objects.bulk_create(members, ignore_conflicts=True)
    rotation.member_count = RotationMember.objects.filter(rotation=rotation).count()
    if not rotation.member_count:
        rotation.delete()
        return
    [only, *others] = RotationMember.objects.filter(rotation=rotation)[:2]
    audit.record(
        Action.ROTATION_STARTED,
        actor_key=rotation.actor_key,
        user_key="" if others else only.user_key,
        reason=rotation.reason,
        rotation=str(rotation.pk),
        source=rotation.source,
        people=rotation.member_count,
        left_out=len(keys) - rotation.member_count,
    )
    Rotation.objects.filter(pk=rotation.pk).update(member_count=rotation.member_count)
    rotation.case = _case(rotation, "" if others else only.user_key)
    Rotation.objects.filter(pk=rotation.pk).update(case=rotation.case)


def _take_out_of_list(user_key: str, rotation: Rotation) -> None:
    """Who is to be ended alone waits for the pace of no list of many, and is not left alone where that is stopped: they
    were told that it is a matter of a minute."""
    waiting = RotationMember.objects.filter(user_key=user_key, step=RotationStep.WAITING)
    for member in waiting.filter(rotation__member_count__gt=1):
        if waiting.filter(pk=member.pk).update(rotation=rotation, next_try_at=Now()):
            Rotation.objects.filter(pk=member.rotation_id).update(member_count=F("member_count") - 1)


def _case(rotation: Rotation, user_key: str) -> SupportCase:
    """One for the person, theirs if they have an open one, or one for all; with what is known as its note."""
    facts = {"actor_key": rotation.actor_key, "why": rotation.reason}
    if user_key:
        limits.hold("account", user_key)  # the ladder may be opening one at this moment
        began_at, reason = rotation.started_at, CaseReason.COMPROMISED
        case = cases.open_for(user_key, request=None, reason=reason, began_at=began_at, **facts)
    else:
        case = cases.open_for_many(rotation, **facts)
    known = "\n".join(text for text in (rotation.reason, rotation.evidence) if text)
    insert(CaseNote(case=case, actor_key=rotation.actor_key, text=known[:2000]))
    return case


def _renew(rotation: Rotation, actor: AbstractBaseUser, reason: str) -> int:
    again: dict[str, Any] = {"attempt_count": 0, "next_try_at": Now()}
    with atomic(Rotation):
        # Holds the row: a second call waits here, and then finds them waiting.
        Rotation.objects.filter(pk=rotation.pk).update(finished_at=None)
        elsewhere = RotationMember.objects.filter(step__in=UNFINISHED).values("user_key")
        own = RotationMember.objects.filter(rotation=rotation).exclude(user_key__in=elsewhere)
        renewed = own.filter(step=RotationStep.FAILED).update(step=RotationStep.WAITING, **again)
        placed = own.filter(step=RotationStep.ROTATED).placed()
        keys = placed.at(RotationStage.STUCK, RotationSnag.NOT_REVOKED).values_list("user_key", flat=True)
        unrevoked = set(keys)
        for batch in _batches(unrevoked):
            revoking.put_back(batch)
        stuck = placed.at(RotationStage.STUCK)
        renewed += len(unrevoked.difference(stuck.values_list("user_key", flat=True)))  # a link is counted below
        for batch in _batches(list(stuck.values_list("pk", flat=True))):
            ended = RotationMember.objects.filter(pk__in=batch, step=RotationStep.ROTATED)
            renewed += ended.update(step=RotationStep.LINK_DUE, **again)
        if renewed:
            _record(Action.ROTATION_RENEWED, rotation, actor, reason, renewed)
    return renewed


def _record(action: str, rotation: Rotation, actor: AbstractBaseUser, reason: str, people: int) -> None:
    facts: dict[str, Any] = {"rotation": str(rotation.pk), "people": people}
    audit.record(action, actor_key=accounts.key_of(actor), reason=reason, **facts)
