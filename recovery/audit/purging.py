"""What may be removed: whole sealed batches from the oldest on, and where people acted from."""

from datetime import datetime
from typing import Any, Final

from django.db import router
from django.db.models import QuerySet, Sum

from recovery.audit import chain, offline
from recovery.audit.protecting import gate
from recovery.audit.sealing import masters, take_lock
from recovery.audit.writing import record
from recovery.models import AuditEvent, AuditOrigin, AuditSeal, ResetRequest, ResetToken
from recovery.models.primary import atomic, key_at
from recovery.reasons import Action

BATCH: Final = 1000
AT_ONCE: Final = 5  # seals in one transaction: their rows are at most five thousand


def purgeable(before: datetime) -> "QuerySet[AuditSeal]":
    """Seals that were made before, the oldest first. The newest seal of all stays: the chain goes on from it."""
    newest = chain.seals().order_by("-number").values("number")[:1]
    return chain.seals().filter(sealed_at__lt=before, number__lt=newest)


def purge(*, before: datetime) -> int:
    """Remove what was sealed before, with its seals and where its people acted from; returns how many rows of the trail
    went. Commits some seals at a time, each with a record that ``verify`` takes for the beginning of the chain.

    Rows that have no seal yet stay, and so does a batch whose end is younger.
    """
    gone = 0
    while rows := _purge_some(before):
        gone += rows
    return gone


def _purge_some(before: datetime) -> int:
    """Under the lock of the chain: whoever purges at the same time finds what is left, and notes what they removed."""
    with atomic(AuditEvent):
        take_lock()
        seals = list(chain.read(purgeable(before)[:AT_ONCE]))
        if not seals:
            return 0
        keys, last = [key for each in seals for key in each.row_keys()], seals[-1]
        with gate():
            AuditOrigin.objects.filter(pk__in=keys)._raw_delete(router.db_for_write(AuditOrigin))
            AuditEvent.objects.purge(keys)
            AuditSeal.objects.purge([each.number for each in seals])
        record(
            Action.TRAIL_PURGED,
            rows=len(keys),
            before=before.isoformat(),
            seals=[seals[0].number, last.number],
            position=last.last,
            head=last.head,
            proof=_proof(last.number, last.head),
        )
    return len(keys)


def rows_in(seals: "QuerySet[AuditSeal]") -> int:
    """How many rows these seals hold."""
    return seals.aggregate(rows=Sum("count"))["rows"] or 0


def is_beginning(detail: Any, *, number: int, head: str) -> bool:
    """Whether a record proves by a key of this site that the trail up to this seal was purged. The proof is of number
    and head; what else the record says, or that somebody made it no object at all, changes nothing."""
    told = detail.get("proof") if isinstance(detail, dict) else None
    return any(_signed(master, number, head) == told for master in masters().values())


def destroy_person(user_key: str) -> int:
    """Destroy where this person acted from: beside the trail, with the salts that its digests were made with, in the
    person's links, and in the requests that they answered; returns how many records beside the trail that were.

    In the caller's transaction, whose own record says who asked for it. What stays are the rows of the trail, with the
    account's key as a pseudonym. All seals still verify.
    """
    if not user_key:
        return 0
    links = ResetToken.objects.filter(user_key=user_key)
    ResetRequest.objects.filter(pk__in=links.values("request")).update(completed_ip=None)
    links.update(opened_ip=None)
    return AuditOrigin.objects.filter(person_key=user_key)._raw_delete(router.db_for_write(AuditOrigin))


def old_origins(before: datetime) -> "QuerySet[AuditOrigin]":
    """Where people acted from before that moment."""
    return AuditOrigin.objects.filter(pk__lt=key_at(before)).order_by("pk")


def destroy_origins(*, before: datetime) -> int:
    """Destroy where people acted from before that moment, as ``destroy_person`` does; commits a thousand at a time,
    each with its line in the trail, and returns how many records that were. The rows of the trail stay."""
    gone = 0
    while keys := list(old_origins(before).values_list("pk", flat=True)[:BATCH]):
        with atomic(AuditOrigin):
            some = AuditOrigin.objects.filter(pk__in=keys)._raw_delete(router.db_for_write(AuditOrigin))
            if some:
                record(Action.PURGED, what=AuditOrigin._meta.model_name, rows=some)
        gone += some
    return gone


def _proof(number: int, head: str) -> str:
    return _signed(next(iter(masters().values())), number, head)


def _signed(master: bytes, number: int, head: str) -> str:
    return offline.proof(master, f"purged {number} {head}")
