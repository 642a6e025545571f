"""Seals and anchors as they stand in the database. Reads only.

What somebody wrote into one of their columns that the app could not have written is replaced by what harms nobody, and
named: a seal has it in ``odd``, and ``verify`` tells it; an anchor is left out, and counted.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from recovery.audit.reading import cells, key_in, moment, parsed, zone_of
from recovery.conf import of_django
from recovery.models import AuditAnchor, AuditSeal
from recovery.models.audit import keys_in

MOST: Final = 2**53
"""Numbers of seals and positions are smaller: the largest that every reader of JSON counts with."""
AT_ONCE: Final = 20
_HAS_NUMBER: Final = Q(number__lt=MOST, number=F("number").bitor(0))
_NEVER: Final = "1970-01-01T00:00:00+00:00"
_YEARS: Final = range(1971, 9000)
_COLUMNS: Final = tuple(field.name for field in AuditSeal._meta.concrete_fields)
_TEXTS: Final = ("previous", "head", "key_id", "proof")


def seals() -> "QuerySet[AuditSeal]":
    """Those with a number, the first one first. What has none, which SQLite would take, is no link of the chain."""
    return AuditSeal.objects.filter(_HAS_NUMBER).order_by("number")


def numberless() -> int:
    """How many rows there are among the seals that are no link of the chain."""
    return AuditSeal.objects.exclude(_HAS_NUMBER).count()


def read(rows: "QuerySet[AuditSeal]") -> Iterator[AuditSeal]:
    """These seals. Where one begins, which its column does not say, the one that was read before it does."""
    after = 1
    for values in cells(rows, *_COLUMNS, at_once=AT_ONCE):
        each = _seal(dict(zip(_COLUMNS, values, strict=True)), rows)
        if "first" in each.odd:
            each.first = after
        after = each.last + 1
        yield each


def newest() -> AuditSeal | None:
    """The seal that the chain ends with."""
    backwards = seals().order_by("-number")
    last = next(read(backwards[:1]), None)
    if last and "first" in last.odd:
        between = 0
        for each in read(backwards.filter(number__lt=last.number)):
            if "first" not in each.odd:
                between += each.last
                break
            between += each.count
        last.first = between + 1
    return last


def keys(rows: "QuerySet[AuditSeal]") -> Iterator[tuple[int, int, list[bytes]]]:
    """The number, the first position and the keys of these seals."""
    after = 1
    for number, first, held in cells(rows, "number", "first", "keys", at_once=AT_ONCE):
        own = keys_in(held) if type(held) is bytes else []
        after = first if _is_position(first) else after
        yield number, after, own
        after += len(own)


def frontiers() -> Iterator[tuple[bytes, datetime]]:
    """The newest key of each seal and when it was made, the newest key first. Where either is none, nothing comes."""
    rows = seals().order_by("-frontier")
    for text, at in cells(rows, "frontier", "sealed_at", at_once=AT_ONCE):
        key, when = key_in(text, rows), _moment(at, rows)
        if key and when:
            yield key, when


def anchors(rows: "QuerySet[AuditAnchor]") -> Iterator[AuditAnchor]:
    """Those of these that can be read."""
    names = ("hour", "number", "position", "head", "told")
    for hour, number, position, head, told in cells(rows, *names):
        values = {"hour": _moment(hour, rows), "number": number, "position": position, "head": head}
        takers = parsed(told)
        is_whole = values["hour"] and _is_position(number) and _is_position(position) and isinstance(head, str)
        if is_whole and isinstance(takers, list) and all(isinstance(each, str) for each in takers):
            yield AuditAnchor(**values, told=takers)


def _seal(values: dict[str, Any], rows: "QuerySet[AuditSeal]") -> AuditSeal:
    """What stands in the wrong place is empty: no head that the app made fits it."""
    odd = [name for name in _TEXTS if not isinstance(values[name], str)]
    odd += [name for name in ("keys", "digests") if type(values[name]) is not bytes]
    values.update({name: b"" if name in ("keys", "digests") else "" for name in odd})
    own, key, at = keys_in(values["keys"]), key_in(values["frontier"], rows), _moment(values["sealed_at"], rows)
    found = {
        "first": values["first"] if _is_position(values["first"]) else None,
        "count": values["count"] if _is_position(values["count"]) else None,
        "frontier": UUID(bytes=key) if key else None,
        "sealed_at": at,
    }
    instead = {
        "first": 1,
        "count": len(own),
        "frontier": UUID(bytes=max(own, default=bytes(16))),
        "sealed_at": datetime.fromisoformat(_NEVER),
    }
    odd += [name for name, value in found.items() if value is None]
    values |= {name: instead[name] if value is None else value for name, value in found.items()}
    each = AuditSeal(**values)
    each.odd = odd
    return each


def _is_position(value: Any) -> bool:
    return type(value) is int and 0 < value < MOST


def _moment(text: Any, rows: "QuerySet[Any]") -> datetime | None:
    """As Django reads it. The first and the last years of the calendar have no room for what is reckoned with them."""
    try:
        at = datetime.fromisoformat(moment(text, zone_of(rows)))
    except (ValueError, TypeError):
        return None
    if at.year not in _YEARS:
        return None
    return at if of_django("USE_TZ") else timezone.make_naive(at)
