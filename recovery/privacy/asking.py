"""Who is to be erased, kept in a row until it is done; the trail keeps that it was.

Staff or a command ask, or the site deletes an account. A ring may be lost and a worker die: the sweep goes on with it.
"""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import DatabaseError
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from recovery import accounts, audit, bell
from recovery.conf import conf
from recovery.models import Erasure
from recovery.models.insertion import insert
from recovery.models.primary import atomic
from recovery.privacy import people, rows
from recovery.privacy.erasing import take_away
from recovery.privacy.people import Person
from recovery.reasons import Action

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=5)
AGAIN: Final = timedelta(minutes=2)
"""After so long what a worker held is tried again: a mail's lease lasts 90 seconds."""
BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows of each kind were held, and how many are left for a later run because a worker is at them."""

    held: dict[str, int] = field(default_factory=dict)
    left: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {"held": self.held, "left": self.left}


def erase(person: Person, *, actor: AbstractBaseUser | None = None, reason: str = "", system_user: str = "") -> Erased:
    """Erase somebody now, on the trail; commits batch by batch, and calling it again goes on, or finds nothing.

    The account itself is the site's, and stays. What is left because a worker is at it, the sweep erases; the trail
    says so only then. ``system_user``: as whom of the machine a command ran, for the trail.
    """
    row = Erasure(
        user_key=person.key,
        names=sorted(person.names),
        actor_key=accounts.key_of(actor) if actor else "",
        system_user=system_user[:64],
        reason=reason[:500],
        attempt_count=1,
        next_try_at=timezone.now() + LEASE,
    )
    insert(row)
    return _work_on(row)


def account_deleted(instance: AbstractBaseUser, **signal: Any) -> None:
    """Receiver: remember that this person is to be erased, and ring. One row in the transaction of the deletion, which
    goes on whatever becomes of it."""
    if not conf.ERASE_WITH_ACCOUNT:
        return
    names = {accounts.name_of(instance), getattr(instance, accounts.email_field() or "email", None)}
    known = sorted(str(name) for name in names if name)
    row = Erasure(user_key=accounts.key_of(instance), names=known, is_of_deletion=True)
    try:
        with atomic(Erasure):
            insert(row)
            bell.ring("recovery.erase", row.pk)
    except DatabaseError:
        logger.exception("account %s was deleted, and is not written down to be erased", row.user_key)


def waiting() -> int:
    """How many people are to be erased now."""
    return Erasure.objects.due().count()


def due() -> list[UUID]:
    """Whom the sweep goes on with, the longest waiting first."""
    return list(Erasure.objects.due().values_list("pk", flat=True)[:BATCH])


def erase_asked(erasure_id: UUID) -> bool:
    """Erase one of them, if nobody is at it; False if somebody is, or it is done."""
    claim = Erasure.objects.due().order_by().filter(pk=erasure_id)
    if not claim.update(attempt_count=F("attempt_count") + 1, next_try_at=Now() + LEASE):
        return False
    _work_on(Erasure.objects.get(pk=erasure_id))
    return True


def _work_on(row: Erasure) -> Erased:
    if row.is_of_deletion and accounts.by_key(row.user_key) is not None:
        logger.warning("account %s is there all the same: nothing of it is erased", row.user_key)
        row.delete()  # the deletion was undone where it could not undo this row
        return Erased()
    person = _found(row)
    left = take_away(person)
    if left:
        Erasure.objects.filter(pk=row.pk).update(next_try_at=Now() + AGAIN)
    else:
        _finish(row)
    return Erased(row.held, left)


def _found(row: Erasure) -> Person:
    """As they were found when the work began: what names them goes on the way."""
    if row.ips is None:
        person = people.of_key(row.user_key, row.names)
        row.names, row.ips, row.held = sorted(person.names), sorted(person.ips), rows.held(person)
        row.save(update_fields=["names", "ips", "held"])
    is_gone = accounts.by_key(row.user_key) is None
    return Person(row.user_key, frozenset(row.names), frozenset(row.ips or ()), is_gone=is_gone)


def _finish(row: Erasure) -> None:
    ran: dict[str, Any] = {"system_user": row.system_user} if row.system_user else {}
    with atomic(Erasure):
        if Erasure.objects.filter(pk=row.pk).delete()[0]:
            audit.record(
                Action.ERASED,
                actor_key=row.actor_key,
                user_key=row.user_key,
                reason=row.reason,
                rows=row.held,
                with_account=row.is_of_deletion,
                **ran,
            )
