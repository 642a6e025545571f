"""Finds what a lost ring or a dead worker left: due requests, due and abandoned mail, late reports.

Runs from beat, from workers, from ``recovery_sweep`` and safely all at once: whatever it finds is claimed like any
other.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from threading import Event
from typing import Final
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django.db.models.functions import Now

from recovery import (
    anchors,
    audit,
    cases,
    delivery,
    feedback,
    heartbeats,
    incidents,
    news,
    notices,
    privacy,
    proxies,
    resets,
    revoking,
    routes,
    site_mail,
)
from recovery.models import CaseTelling, Email, Lockout, ResetRequest, Revocation, moves
from recovery.reasons import EmailState, Part

logger = logging.getLogger(__name__)

BATCH: Final = 200
FEW: Final = 20  # requests that are decided between two looks at what providers answered
ERASING: Final = 5.0  # seconds of one sweep
SECONDS: Final = 10.0  # of sending in one sweep; whoever has more to send sweeps again


@dataclass(frozen=True, slots=True)
class Swept:
    """How many requests were decided or ended as too late; how many mails were taken from dead workers, ended as too
    late, tried; how many reports were matched; how many lost mails led on to a backup address or a case, how many tries
    there were at telling a case, how many accounts of forced rotations were worked on, on how many lockouts it was
    decided who is told, for how many people of incidents a fresh link was asked, how many corrections of addresses were
    settled, how often it was tried to end tokens that had not ended, how many people were to be erased. ``left``: mail
    that is due waits for the next sweep."""

    decided: int
    expired: int
    freed: int
    late: int
    tried: int
    matched: int
    followed_up: int
    told: int
    rotated: int = 0
    locked: int = 0
    repaired: int = 0
    corrected: int = 0
    revoked: int = 0
    erased: int = 0
    left: bool = field(default=False, compare=False)

    def as_dict(self) -> dict[str, int]:
        return {each.name: getattr(self, each.name) for each in fields(self) if each.compare}


def sweep(stop: Event | None = None) -> Swept:
    """Do what is due, the oldest and most urgent first; commits item by item, or batch by batch.

    ``stop``: ends it after what is being sent at that moment.
    """
    expired, freed, late = resets.expire_late(), moves.free(), moves.expire_late()
    routes.register()
    site_mail.rest_lost()
    decided = _decide_due(BATCH)
    followed_up = sum(_one(resets.climb, pk) for pk in resets.lost())
    rotated = 0 if stop and stop.is_set() else resets.rotate_due()
    repaired = 0 if stop and stop.is_set() else incidents.repair_due()
    locked = notices.pass_over() + sum(_one(notices.tell_lockout, pk) for pk in notices.untold())
    corrected = resets.settle_corrections()
    revoked = revoking.revoke_due()
    drained = work(seconds=SECONDS, stop=stop)
    matched = feedback.match_late()
    news.look()
    proxies.look()
    cases.close_late()
    resets.close_rotated()
    erased = 0 if stop and stop.is_set() else _erase_due()
    told = cases.tell_due()
    _seal()
    heartbeats.beat(Part.SWEEP)
    return Swept(
        decided=decided,
        expired=expired,
        freed=len(freed),
        late=len(late),
        tried=drained.tried,
        matched=matched,
        followed_up=followed_up,
        told=told,
        rotated=rotated,
        locked=locked,
        repaired=repaired,
        corrected=corrected,
        revoked=revoked,
        erased=erased,
        left=drained.left,
    )


def _seal() -> None:
    """What the trail stumbles over must not keep mail waiting."""
    try:
        try:
            audit.seal()
        finally:
            anchors.tell_due()
    except (InterfaceError, OperationalError):
        raise
    except Exception:  # an anchor is the site's
        logger.exception("sweep: the trail was not sealed, and the next sweep tries again")


def work(*, seconds: float, stop: Event | None = None) -> delivery.Drained:
    """Send what is due, the urgent first, and decide what nobody decided, for so many seconds."""
    return delivery.drain(seconds=seconds, between=lambda: _decide_due(FEW), stop=stop)


def _decide_due(most: int) -> int:
    """Their mail is queued, and leaves before all that is less urgent."""
    requests = ResetRequest.objects.undecided().order_by("next_try_at").values_list("pk", flat=True)[:most]
    return sum(_one(resets.decide, pk) for pk in list(requests))


def _erase_due() -> int:
    """Beginning with nobody after some seconds; one that began goes on to its end."""
    until = time.monotonic() + ERASING
    return sum(_one(privacy.erase_asked, pk) for pk in privacy.due() if time.monotonic() < until)


def _one(take_on: Callable[[UUID], object], pk: UUID) -> bool:
    """One item; what it alone stumbles over must not keep the others waiting. Without the database all would."""
    try:
        return take_on(pk) not in (None, False)
    except (InterfaceError, OperationalError):
        raise
    except Exception:  # it asks the site's ACCOUNTS and templates
        logger.exception("sweep: %s failed and waits for its next try", pk)
        return False


def outlook() -> Swept:
    """What ``sweep`` would take on now, as far as routes are open; writes nothing."""
    undecided, late_requests = ResetRequest.objects.undecided(), resets.late()
    late, abandoned = _late(), Email.objects.abandoned().filter(handed_over_at=None)
    due = Email.objects.due().exclude(pk__in=late.values("pk"))
    freed = abandoned.count()
    return Swept(
        decided=undecided.count() - late_requests.count(),
        expired=late_requests.count(),
        freed=freed,
        late=late.count(),
        tried=due.count() + freed,
        matched=feedback.waiting(),
        followed_up=len(resets.lost()),
        told=CaseTelling.objects.due().count(),
        rotated=resets.rotations_due(),
        locked=Lockout.objects.filter(told_at=None).count(),
        repaired=incidents.repairs_due(),
        corrected=resets.corrections_due(),
        revoked=Revocation.objects.due().count(),
        erased=privacy.waiting(),
    )


def _late() -> "QuerySet[Email]":
    """Past its time and surely never sent."""
    waiting = Email.objects.filter(state__in=[EmailState.QUEUED, EmailState.DEFERRED], handed_over_at=None)
    return waiting.filter(next_try_at__isnull=False, doubt_count=0, send_by__lte=Now())
