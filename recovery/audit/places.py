"""Whether what stands beside the trail, where its people acted from, is as it was written. Reads only.

It may be destroyed, so what is gone is no damage; how much of it purges and erasures account for can be told.
"""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from recovery.audit.writing import digest_of
from recovery.models import AuditEvent, AuditOrigin
from recovery.reasons import Action

AT_ONCE: Final = 1000


def judged() -> Iterator[tuple[UUID, bool]]:
    """The key of each, and whether it is what its row was written with."""
    places = AuditOrigin.objects.order_by("pk").iterator(chunk_size=2 * AT_ONCE)
    while some := list(islice(places, AT_ONCE)):
        digests = dict(AuditEvent.objects.filter(pk__in=[each.pk for each in some]).values_list("pk", "origin"))
        for each in some:
            yield each.pk, digests.get(each.pk) == digest_of(each)


def gone() -> "QuerySet[AuditEvent]":
    """Rows whose person acted from somewhere, of which nothing is left."""
    beside = AuditOrigin.objects.filter(pk=OuterRef("pk"))
    return AuditEvent.objects.exclude(origin="").filter(~Exists(beside)).order_by("pk")


def destroyed() -> int:
    """How many of them purges and erasures on record account for. Those of rows that the trail's own purge removed are
    among them, so it may be too many."""
    rows = AuditEvent.objects.filter(action__in=(Action.PURGED, Action.ERASED)).order_by()
    return sum(_count(action, detail) for action, detail in rows.values_list("action", "detail").iterator())


def _count(action: str, detail: dict[str, object]) -> int:
    kind, rows = detail.get("what"), detail.get("rows")
    if action == Action.ERASED:
        kind, rows = AuditOrigin._meta.model_name, rows.get("places") if isinstance(rows, dict) else None
    return rows if kind == AuditOrigin._meta.model_name and isinstance(rows, int) else 0


def ends() -> list[bytes]:
    """The keys of the first and the last of them."""
    first = gone().first()
    last = gone().last() if first else None
    return [each.pk.bytes for each in (first, last) if each]


def said(first: int, last: int) -> str:
    """How many they are, between which positions, and how many purges and erasures took."""
    return (
        f"Of {gone().count()} rows, at positions {first} to {last}, it is gone where their person acted from: purges"
        f" and erasures on record account for {destroyed()} such records, whichever these were."
    )


def positions(keys: Collection[bytes], seals: Iterator[tuple[int, list[bytes]]]) -> dict[bytes, int]:
    """Where these rows stand in the chain, as far as they have a seal."""
    return {key: first + at for first, own in seals for at, key in enumerate(own) if key in keys} if keys else {}
