"""Whether what stands beside the trail, where its people acted from, is as it was written. Reads only.

It may be destroyed, so what is gone is no damage; how much of it purges and erasures account for can be told.
"""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db import OperationalError
from django.db.models import Exists, OuterRef, QuerySet

from recovery.audit.reading import cells, key_in, keys_of, parsed
from recovery.audit.writing import digest_of_place
from recovery.models import AuditEvent, AuditOrigin
from recovery.reasons import Action

AT_ONCE: Final = 1000


def judged() -> tuple[int, list[bytes]]:
    """How many there are, and the keys of those that are not what their row was written with, b"" for what is none."""
    try:
        return _judged(quick=True)
    except OperationalError:  # SQLite: a text that is none
        return _judged(quick=False)


def _judged(*, quick: bool) -> tuple[int, list[bytes]]:
    rows, count, wrong = AuditOrigin.objects.order_by("pk"), 0, list[bytes]()
    places = cells(rows, "id", "ip", "user_agent", "salt", quick=quick)
    while some := [(key_in(text, rows), told) for text, *told in islice(places, AT_ONCE)]:
        of_rows = AuditEvent.objects.filter(pk__in=[UUID(bytes=key) for key, _ in some if key]).order_by()
        digests = {key_in(text, of_rows): origin for text, origin in cells(of_rows, "id", "origin", quick=quick)}
        count += len(some)
        wrong += [key for key, told in some if not key or digests.get(key, "") != _digest(key, *told)]
    return count, wrong


def _digest(key: bytes, ip: Any, user_agent: Any, salt: Any) -> str | None:
    """None where one of them is no text: no row of the trail that is there has that."""
    if not isinstance(ip or "", str) or not isinstance(user_agent, str) or not isinstance(salt, str):
        return None
    return digest_of_place(UUID(bytes=key), ip, user_agent, salt)


def gone() -> "QuerySet[AuditEvent]":
    """Rows whose person acted from somewhere, of which nothing is left."""
    beside = AuditOrigin.objects.filter(pk=OuterRef("pk"))
    return AuditEvent.objects.exclude(origin="").filter(~Exists(beside)).order_by("pk")


def destroyed() -> int:
    """How many of them purges and erasures on record account for. Those of rows that the trail's own purge removed are
    among them, so it may be too many."""
    rows = AuditEvent.objects.filter(action__in=(Action.PURGED, Action.ERASED)).order_by()
    return sum(_count(action, parsed(detail)) for action, detail in cells(rows, "action", "detail"))


def _count(action: str, detail: Any) -> int:
    if not isinstance(detail, dict):
        return 0
    kind, rows = detail.get("what"), detail.get("rows")
    if action == Action.ERASED:
        kind, rows = AuditOrigin._meta.model_name, rows.get("places") if isinstance(rows, dict) else None
    return rows if kind == AuditOrigin._meta.model_name and isinstance(rows, int) else 0


def ends() -> list[bytes]:
    """The keys of the first and the last of them."""
    first = [*keys_of(gone()[:1])]
    return [*first, *keys_of(gone().reverse()[:1])] if first else []


def said(first: int, last: int) -> str:
    """How many they are, between which positions, and how many purges and erasures took."""
    return (
        f"Of {gone().count()} rows, at positions {first} to {last}, it is gone where their person acted from: purges"
        f" and erasures on record account for {destroyed()} such records, whichever these were."
    )


def positions(keys: Collection[bytes], seals: Iterator[tuple[int, list[bytes]]]) -> dict[bytes, int]:
    """Where these rows stand in the chain, as far as they have a seal."""
    return {key: first + at for first, own in seals for at, key in enumerate(own) if key in keys} if keys else {}
