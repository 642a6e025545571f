"""Fresh links for those people of an incident who still need one: listed at once, sent at a pace, each of them once.

Each person is one transaction: whether they still need a link is asked again, and the request for it is written, with
the trail; from then on it is decided like any other that staff sent. Whatever dies before its commit, the person still
waits; whatever dies after it, the request does. Inactive people, suppressed addresses and the mail level are what they
are for every link.
"""

import logging
import time
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import InterfaceError, OperationalError
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils import timezone

from recovery import accounts, audit, bell, limits, resets
from recovery.exceptions import NotAllowed
from recovery.incidents import finding
from recovery.incidents.finding import Person, Which
from recovery.models import Repair, RepairMember, ResetRequest
from recovery.models.insertion import insert
from recovery.models.primary import atomic
from recovery.reasons import Action, Kind, RepairStep
from recovery.resets import deciding, pacing

logger = logging.getLogger(__name__)

BATCH: Final = 500  # SQLite takes 32 766 parameters in a statement, and its oldest builds 999
MOST_TRIES: Final = 5  # at one person
SECONDS: Final = 5.0  # of repairing in one sweep: what is more urgent gets its turn


def repair(which: Which, *, actor: AbstractBaseUser, reason: str) -> Repair | None:
    """List whoever of this incident still needs a link and is within the actor's reach, in one commit with its trail
    row, then ring; None for nobody. Whoever waits in another repair is left out, so that a second call does nothing.

    Raises NotAllowed past the actor's cap of starts (``rotation`` in ``REQUEST_LIMITS``); that is on the trail.
    """
    people = finding.needy(which, actor=actor)
    if not people:
        return None
    started = Repair(
        cause=which.cause[:120], domain=which.domain, route=which.route, since=which.since, until=which.until,
        actor_key=accounts.key_of(actor), reason=reason[:500],
    )  # fmt: skip
    with atomic(Repair):
        taken = limits.take({"rotation": started.actor_key})[0]["rotation"]
        if taken.refused:
            audit.record(Action.STAFF_REFUSED, actor_key=started.actor_key, reason=reason, by="rotation limit")
        else:
            _write(started, people)
    if taken.refused:
        raise NotAllowed(f"Too many repairs and rotations started; free again at {taken.free_again_at:%H:%M} UTC.")
    if not started.member_count:
        return None
    bell.ring("recovery.repair", started.pk)
    return started


def stop(repair: Repair, *, actor: AbstractBaseUser, reason: str) -> int:
    """Leave alone whoever's turn has not come, for good; one commit. Returns how many."""
    with atomic(Repair):
        waiting = RepairMember.objects.filter(repair=repair, step=RepairStep.WAITING)
        stopped = waiting.update(step=RepairStep.STOPPED)
        if stopped:
            facts: dict[str, Any] = {"repair": str(repair.pk), "people": stopped}
            audit.record(Action.REPAIR_STOPPED, actor_key=accounts.key_of(actor), reason=reason, **facts)
            _finish(repair)
    return stopped


def work_on(repair_id: UUID) -> int:
    """Work on one repair as far as its pace allows; returns for how many a fresh link was asked. Commits person by
    person. Their mail waits in the queue, which is rung for."""
    asked = sum(_work_on(each, time.monotonic() + SECONDS) for each in Repair.objects.unfinished().filter(pk=repair_id))
    if asked:
        bell.ring("recovery.send_email")
    return asked


def repair_due() -> int:
    """Work on all repairs, the small ones first, for a caller that drains the queue anyway; as ``work_on``."""
    until = time.monotonic() + SECONDS
    return sum(_work_on(each, until) for each in Repair.objects.unfinished())


def repairs_due() -> int:
    """How many people wait for their turn."""
    return RepairMember.objects.due().count()


def _write(started: Repair, people: Sequence[Person]) -> None:
    insert(started)
    rest = iter(sorted(people, key=lambda person: person.user_key))  # everybody's order: nobody deadlocks
    while batch := list(islice(rest, BATCH)):
        RepairMember.objects.bulk_create(map(_member(started), batch), ignore_conflicts=True)
    started.member_count = RepairMember.objects.filter(repair=started).count()
    if not started.member_count:
        started.delete()
        return
    Repair.objects.filter(pk=started.pk).update(member_count=started.member_count)
    audit.record(
        Action.REPAIR_STARTED,
        actor_key=started.actor_key,
        reason=started.reason,
        repair=str(started.pk),
        cause=started.cause,
        route=started.route,
        people=started.member_count,
    )


def _member(started: Repair) -> Any:
    def member(person: Person) -> RepairMember:
        return RepairMember(
            repair=started,
            user_key=person.user_key,
            waits_since=person.waits_since,
            audience=person.audience,
            language=person.language,
        )

    return member


def _work_on(each: Repair, until: float) -> int:
    asked = 0
    while time.monotonic() < until and (members := _claim(each)):
        asked += sum(_one(member) for member in members)
    _finish(each)
    return asked


def _claim(each: Repair) -> list[RepairMember]:
    due = RepairMember.objects.due().filter(repair=each)
    claimed = pacing.claim(due, is_one=each.member_count == 1)
    return list(claimed.filter(step=RepairStep.WAITING).select_related("repair"))


def _one(member: RepairMember) -> bool:
    """One person; what they alone stumble over must not keep the others waiting. Without the database all would."""
    try:
        if member.attempt_count > MOST_TRIES:
            _give_up(member)
            return False
        request = _ask(member)
        if request is not None:
            deciding.decide(request.pk)
    except (InterfaceError, OperationalError):
        raise
    except Exception:  # it asks the site's ACCOUNTS
        logger.exception("repair: account %s failed and waits for its next try", member.user_key)
        return False
    return request is not None


def _ask(member: RepairMember) -> ResetRequest | None:
    """The request for the fresh link, in one commit with the step; None where another worker was faster, or nobody
    needs one any more."""
    user = accounts.by_key(member.user_key)
    waiting = RepairMember.objects.filter(pk=member.pk, step=RepairStep.WAITING)
    with atomic(Repair):
        limits.hold("account", member.user_key)  # the ladder, or the person, may be at it at this moment
        if user is None or not _needs(member):
            waiting.update(step=RepairStep.NEEDLESS)
            return None
        request = _request(member, user)
        # The row is held from here on; its request follows before the commit.
        if not waiting.update(step=RepairStep.ASKED, request=request):
            return None
        return resets.written(request, at=timezone.now(), repair=str(member.repair_id))


def _needs(member: RepairMember) -> bool:
    """Asked under the account's lock: nobody gets two links because two lists named them."""
    elsewhere = RepairMember.objects.under_way().filter(user_key=member.user_key).exclude(pk=member.pk)
    return not elsewhere.exists() and finding.still_needs(member.user_key, member.waits_since)


def _request(member: RepairMember, user: AbstractBaseUser) -> ResetRequest:
    return ResetRequest(
        kind=Kind.ADMIN,
        audience=member.audience,
        identifier=accounts.name_of(user)[:254],
        user_key=member.user_key,
        actor_key=member.repair.actor_key,
        reason=member.repair.reason,
        language=member.language,
    )


def _give_up(member: RepairMember) -> None:
    with atomic(Repair):
        if RepairMember.objects.filter(pk=member.pk, step=RepairStep.WAITING).update(step=RepairStep.FAILED):
            facts: dict[str, Any] = {"repair": str(member.repair_id), "tries": MOST_TRIES}
            audit.record(Action.REPAIR_FAILED, user_key=member.user_key, **facts)


def _finish(each: Repair) -> None:
    left = RepairMember.objects.filter(repair=OuterRef("pk"), step=RepairStep.WAITING)
    Repair.objects.filter(~Exists(left), pk=each.pk, finished_at=None).update(finished_at=Now())
