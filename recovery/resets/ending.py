"""The compromise playbook, worked on: one account after the other loses what a thief may have, and gets a link.

Each account is one transaction: password, sessions, tokens and links end, its addresses are frozen, and the request
for a new link is written, with the trail. Whatever dies afterwards, the request is decided like any other; whatever
dies before, the account still waits. So nobody is skipped, and nobody is mailed twice.
"""

import logging
import time
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import InterfaceError, OperationalError
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from recovery import (
    accounts,
    alarms,
    audiences,
    audit,
    backup_addresses,
    bell,
    cases,
    notices,
    objections,
    outbox,
    revoking,
    tokens,
)
from recovery.models import Email, ResetRequest, Rotation, RotationMember, SupportCase
from recovery.models.insertion import insert
from recovery.models.primary import atomic
from recovery.models.requests import SWEEP_GRACE
from recovery.models.rotations import NEED_NOBODY
from recovery.reasons import UNFINISHED, Action, Alarm, CaseEnd, CorrectionState, Kind, RotationSource, RotationStep
from recovery.resets import correcting, deciding, pacing

logger = logging.getLogger(__name__)

MOST_TRIES: Final = 5  # at one account
SECONDS: Final = 5.0  # of ending in one sweep: what is more urgent gets its turn


def rotate(rotation_id: UUID) -> int:
    """Work on one rotation as far as its pace allows; returns of how many accounts the access ended or a fresh link was
    made. Commits account by account, and then as ``fulfil`` does for a single one; mail to many waits in the queue."""
    found = Rotation.objects.unfinished().filter(pk=rotation_id)
    ended = sum(_work_on(rotation, time.monotonic() + SECONDS) for rotation in found)
    if ended:
        bell.ring("recovery.send_email")
    return ended


def rotate_due() -> int:
    """Work on all rotations, the small ones first, for a caller that drains the queue anyway; as ``rotate``."""
    until = time.monotonic() + SECONDS
    return sum(_work_on(rotation, until) for rotation in Rotation.objects.unfinished())


def rotations_due() -> int:
    """How many accounts wait for a worker."""
    return RotationMember.objects.due().count()


def close_rotated() -> int:
    """Close the cases of rotations of many in which nobody needs support any more; commits each. Returns how many."""
    open_ones = Rotation.objects.filter(case__closed_at=None, case__user_key="", finished_at__isnull=False)
    closed = 0
    for rotation in open_ones.exclude(case=None).select_related("case"):
        needy = RotationMember.objects.filter(rotation=rotation).placed().exclude(Q(place__in=NEED_NOBODY))
        if rotation.case and not needy.exists():
            closed += cases.end(rotation.case, CaseEnd.ROTATED)
    return closed


def _work_on(rotation: Rotation, until: float) -> int:
    ended = 0
    while time.monotonic() < until and (members := _claim(rotation)):
        ended += sum(_one(member) for member in members)
    _finish(rotation)
    return ended


def _claim(rotation: Rotation) -> list[RotationMember]:
    due = RotationMember.objects.due().filter(rotation=rotation)
    claimed = pacing.claim(due, is_one=rotation.member_count == 1)
    return list(claimed.filter(step__in=UNFINISHED).select_related("rotation"))


def _one(member: RotationMember) -> bool:
    """One account; what it alone stumbles over must not keep the others waiting. Without the database all would."""
    try:
        if member.attempt_count > MOST_TRIES:
            _give_up(member)
            return False
        request = _end_access(member)
        if request is None:
            return False
        decide = deciding.fulfil if member.rotation.member_count == 1 else deciding.decide
        decide(request.pk)
    except (InterfaceError, OperationalError):
        raise
    except Exception:  # it asks the site's ACCOUNTS and revokers
        logger.exception("rotation: account %s failed and waits for its next try", member.user_key)
        return False
    return True


def _end_access(member: RotationMember) -> ResetRequest | None:
    """Everything that ends, and the request for the new link, in one commit; None where another worker was faster."""
    rotation, key = member.rotation, member.user_key
    user = accounts.by_key(key)
    request = ResetRequest(
        kind=Kind.FORCED,
        audience=audiences.asked_for(""),
        identifier=accounts.name_of(user)[:254] if user else "",
        user_key=key,
        actor_key=rotation.actor_key,
        reason=rotation.reason,
        next_try_at=timezone.now() + SWEEP_GRACE,
    )
    facts: dict[str, Any] = {"actor_key": rotation.actor_key, "user_key": key, "request": request}
    about: dict[str, Any] = {"kind": request.kind, "rotation": str(rotation.pk)}
    asked = audit.event(Action.REQUESTED, **facts, reason=rotation.reason, **about)
    changes: dict[str, Any] = {"step": RotationStep.ROTATED, "request": request}
    is_first = member.step == RotationStep.WAITING
    if is_first:
        changes["rotated_at"] = timezone.now()
    with atomic(RotationMember):
        # The row is held from here on; its request follows before the commit.
        if not RotationMember.objects.filter(pk=member.pk, step=member.step).update(**changes):
            return None
        ended = _ended(user, key) if is_first and user else None
        noted = [audit.event(Action.ACCESS_ENDED, **facts, rotation=str(rotation.pk), **ended)] if ended else []
        insert(request, *noted, asked)
        if user and ended and ended["password"]:
            outbox.write(_told(user, rotation))
        if rotation.case_id:
            SupportCase.objects.filter(pk=rotation.case_id, user_key=key, request=None).update(request=request)
    return request


def _told(user: AbstractBaseUser, rotation: Rotation) -> list[Email]:
    """All other addresses hear of it; the one that gets the link is told by the mail with the link."""
    account = accounts.of_user(user)
    address = None if objections.is_disputed(account.key) else account.reset_address
    mailed = [address.text] if address else []
    return notices.rotation_forced(user, mailed=mailed, by_person=rotation.source == RotationSource.PERSON)


def _ended(user: AbstractBaseUser, key: str) -> dict[str, Any]:
    """What ended, for the trail. Links before the password, as a completed reset takes its locks."""
    links = tokens.revoke(key)
    correcting.withdraw_corrections(key, CorrectionState.ROTATED)
    has_password = accounts.has_password(user)
    accounts.end_password(user)
    return {
        "password": has_password,
        "links": links,
        "revoked": revoking.revoke(user),
        "backups_waiting": backup_addresses.wait_anew(key),
        "addresses_frozen_until": accounts.freeze_addresses(key).isoformat(),
    }


def _give_up(member: RotationMember) -> None:
    with atomic(RotationMember):
        waiting = RotationMember.objects.filter(pk=member.pk, step=member.step)
        is_ended = member.step == RotationStep.LINK_DUE
        if waiting.update(step=RotationStep.ROTATED if is_ended else RotationStep.FAILED):
            facts: dict[str, Any] = {"rotation": str(member.rotation_id), "tries": MOST_TRIES}
            audit.record(Action.ROTATION_FAILED, user_key=member.user_key, **facts)
            alarms.sound(Alarm.NOT_ROTATED, str(member.rotation_id))


def _finish(rotation: Rotation) -> None:
    left = RotationMember.objects.filter(rotation=OuterRef("pk"), step__in=UNFINISHED)
    Rotation.objects.filter(~Exists(left), pk=rotation.pk, finished_at=None).update(finished_at=Now())
