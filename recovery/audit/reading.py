"""Rows of the trail as their digests cover them: for seals, for ``verify`` and for exports alike.

Verification reads all of them, so columns come as text, without an object made of each. What somebody wrote into a
column that the app could not have written is read as it stands, bytes that are no text as ``{"bytes": "<hex>"}``: it
has another digest, and stops nobody. Seals, and what stands beside the trail, are read by ``chain``, with the same
cells.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import OperationalError, connections
from django.db.models import (
    BinaryField,
    CharField,
    DateTimeField,
    F,
    Func,
    JSONField,
    Model,
    QuerySet,
    TextField,
    UUIDField,
)
from django.db.models.functions import Cast

from recovery.audit import offline
from recovery.conf import of_django
from recovery.models import AuditEvent

AT_ONCE: Final = 2000
DEEP: Final = 100
"""Objects and lists within each other that are parsed. The app writes three; how many Python can parse depends on who
asks it, and a digest must not."""
_KEYS: Final = ("request_id", "email_id")
_MADE: Final = (UUIDField, JSONField, DateTimeField)
"""Of their columns something else than a text is made."""
_PARTS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')
_DECODED: Final = json.JSONDecoder().raw_decode


class NoText(bytes):
    """What stands where SQLite says that a text is, and is none."""


class _InUtc(Func):
    """A moment of PostgreSQL as ``offline`` has it."""

    template = """to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""
    output_field = CharField()


class _Bare(Func):
    """A value of SQLite whose column nobody knows any more, so that nothing is made of it."""

    template = "+%(expressions)s"
    output_field = TextField()


class _Key(Func):
    """A key of SQLite, only as it is stored: one in capitals or with dashes is to SQLite another one, which no look by
    key finds. Nothing of what is no key."""

    template = (
        "CASE WHEN TYPEOF(%(expressions)s) = 'text' AND %(expressions)s GLOB '" + "[0-9a-f]" * 32 + "'"
        " THEN %(expressions)s END"
    )
    output_field = TextField()


class _Cell(Func):
    """A value of SQLite and the first letter of its type, as bytes: these are read whatever they are."""

    template = "CAST(SUBSTR(TYPEOF(%(expressions)s), 1, 1) || %(expressions)s AS BLOB)"
    output_field = BinaryField()


def cells(rows: "QuerySet[Any]", *names: str, at_once: int = AT_ONCE, quick: bool = False) -> Iterator[Sequence[Any]]:
    """What stands in these columns: texts, numbers, bytes, or None. Keys, moments and JSON come as text. Rows are held
    so many at once, all those of a slice. ``quick``: in half the time, and where SQLite has a text that is none, raises
    OperationalError."""
    is_plain = _is_plain(rows)
    if quick and not is_plain:
        yield from rows.values_list(*(_bare(rows.model, name) for name in names)).iterator(chunk_size=at_once)
        return
    columns = [_text(rows.model, name) if is_plain else _Cell(F(name)) for name in names]
    made: Callable[[Any], Any] = bytes if is_plain else _value
    found = rows.values_list(*columns)
    for row in found if rows.query.is_sliced else found.iterator(chunk_size=at_once):
        yield [made(each) if isinstance(each, bytes | memoryview) else each for each in row]


def keys_of(rows: "QuerySet[AuditEvent]") -> Iterator[bytes]:
    """The keys of these rows, each of 16 bytes. Of what is no key, which SQLite would take, nothing comes."""
    column = Cast("pk", TextField()) if _is_plain(rows) else _Key(F("id"))
    for [text] in rows.values_list(column).iterator(chunk_size=AT_ONCE):
        if key := _bytes(text):
            yield key


def values_of(rows: "QuerySet[AuditEvent]", odd: set[bytes] | None = None) -> Iterator[tuple[bytes, list[Any]]]:
    """The keys of these rows, and their values in the order of ``offline.FIELDS``, whatever they are. ``odd`` gets the
    keys of those with bytes that are no text."""
    if _is_plain(rows):
        yield from _quickly(rows)
        return
    made: dict[str, Callable[[str], Any]] = {
        **dict.fromkeys(_KEYS, _dashed),
        "occurred_at": partial(moment, zone=zone_of(rows)),
        "detail": _parsed,
    }
    for text, *values in cells(rows, "id", *offline.FIELDS):
        if key := key_in(text, rows):
            if odd is not None and any(isinstance(each, bytes) for each in values):
                odd.add(key)
            yield key, [_written(made.get(name, str), each) for name, each in zip(offline.FIELDS, values, strict=True)]


def rows_of(keys: Sequence[bytes], odd: set[bytes] | None = None) -> dict[bytes, bytes]:
    """The digests of these rows, as far as they are there. Their keys lie side by side, but for what was late: one
    range is read quicker than a thousand keys. ``odd``: as in ``values_of``."""
    if not keys:
        return {}
    found = AuditEvent.objects.filter(pk__gte=UUID(bytes=min(keys)), pk__lte=UUID(bytes=max(keys))).order_by()
    if found[: 2 * len(keys) + 1].count() > 2 * len(keys):
        found = AuditEvent.objects.filter(pk__in=[UUID(bytes=key) for key in keys]).order_by()
    wanted = set(keys)
    try:
        return {key: offline.digest(values) for key, values in _quickly(found) if key in wanted}
    except (TypeError, OperationalError):  # SQLite: bytes where a text should be, or a text that is none
        if _is_plain(found):
            raise
    return {key: offline.digest(values) for key, values in values_of(found, odd) if key in wanted}


def moment(text: str, zone: tzinfo | None) -> str:
    """As ``offline`` has it. Of SQLite, where it stands in the time zone of the connection."""
    try:
        at = datetime.fromisoformat(text)
        at = (at.replace(tzinfo=zone) if zone and not at.tzinfo else at).astimezone(UTC)
    except (ValueError, OverflowError):
        return text
    return at.isoformat(timespec="microseconds")


def zone_of(rows: "QuerySet[Any]") -> tzinfo | None:
    """For ``moment``."""
    return None if _is_plain(rows) or not of_django("USE_TZ") else connections[rows.db].timezone


def key_in(cell: Any, rows: "QuerySet[Any]") -> bytes:
    """The key that stands in this cell of one of these rows, as ``keys_of`` has it; b"" where it is none."""
    if not isinstance(cell, str):
        return b""
    digits = cell.replace("-", "") if _is_plain(rows) else cell
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        return b""
    return key if len(key) == 16 and key.hex() == digits else b""


def parsed(text: Any) -> Any:
    """A value of JSON; what is none, or too deep, is the text itself."""
    return _parsed(text) if isinstance(text, str) else None


def _quickly(rows: "QuerySet[AuditEvent]") -> Iterator[tuple[bytes, list[Any]]]:
    """As ``values_of``, in half the time. Raises for what is no text, which only SQLite takes."""
    is_plain, zone = _is_plain(rows), zone_of(rows)
    key_column = _text(AuditEvent, "id") if is_plain else _Key(F("id"))
    columns = [
        key_column,
        *(_text(AuditEvent, name) if is_plain else _bare(AuditEvent, name) for name in offline.FIELDS),
    ]
    for text, at, action, outcome, actor, user, request, email, *others, detail in rows.values_list(*columns).iterator(
        chunk_size=AT_ONCE
    ):
        if key := _bytes(text):
            when = at if is_plain else moment(at, zone)
            which = (request, email) if is_plain else (_dashed(request), _dashed(email))
            yield key, [when, action, outcome, actor, user, *which, *others, _parsed(detail)]


def _bytes(key: str | None) -> bytes:
    if not key:
        return b""
    try:
        return bytes.fromhex(key if len(key) == 32 else key.replace("-", ""))
    except ValueError:  # SQLite: a key with a zero byte behind it
        return b""


def _is_plain(rows: "QuerySet[Any]") -> bool:
    """Whether the database lets nothing but its own type into a column."""
    return connections[rows.db].vendor == "postgresql"


def _bare(model: type[Model], name: str) -> Any:
    """Of SQLite."""
    return _Bare(F(name)) if isinstance(model._meta.get_field(name), _MADE) else F(name)


def _text(model: type[Model], name: str) -> Any:
    """Of PostgreSQL."""
    field = model._meta.get_field(name)
    if isinstance(field, DateTimeField):
        return _InUtc(F(name))
    return Cast(name, TextField()) if isinstance(field, _MADE) else F(name)


def _value(cell: bytes) -> Any:
    """What a ``_Cell`` holds."""
    kind, value = cell[:1], cell[1:]
    if kind == b"b":
        return value
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return NoText(value)
    return text if kind == b"t" else int(text) if kind == b"i" else float(text)


def _written(made: Callable[[str], Any], value: Any) -> Any:
    """What JSON can hold, for a value of any kind."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    return value if value is None else made(str(value))


def _dashed(key: str | None) -> str | None:
    return key and "-".join((key[:8], key[8:12], key[12:16], key[16:20], key[20:]))


def _parsed(text: str) -> Any:
    if len(text) > 2 * DEEP and _depth(text) > DEEP:
        return text
    try:
        value, end = _DECODED(text)
    except ValueError:
        return text
    return value if end == len(text) else text


def _depth(text: str) -> int:
    if text.count("[") + text.count("{") <= DEEP:
        return 0
    depth = most = 0
    for part in _PARTS.findall(text):
        depth += 1 if part in "[{" else -1 if part in "]}" else 0
        most = max(most, depth)
    return most
