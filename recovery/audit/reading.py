"""Rows of the trail as their digests cover them: for seals, for ``verify`` and for exports alike.

Verification reads all of them, so columns come as text, without an object made of each. What somebody wrote into a
column that the app could not have written is read as it stands: it has another digest, and stops nobody.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final
from uuid import UUID

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, F, Func, QuerySet, TextField
from django.db.models.functions import Cast

from recovery.audit import offline
from recovery.conf import of_django
from recovery.models import AuditEvent

AT_ONCE: Final = 2000
_KEYS: Final = ("request_id", "email_id")
_DECODED: Final = json.JSONDecoder().raw_decode


class _InUtc(Func):
    """A moment of PostgreSQL as ``offline`` has it."""

    template = """to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""
    output_field = CharField()


def keys_of(rows: "QuerySet[AuditEvent]") -> Iterator[bytes]:
    """The keys of these rows, each of 16 bytes. Of what is no key, which SQLite would take, nothing comes."""
    is_plain = connections[rows.db].vendor == "postgresql"
    for [text] in rows.values_list(Cast("pk", TextField())).iterator(chunk_size=AT_ONCE):
        if key := _key(text, is_plain=is_plain):
            yield key


def values_of(rows: "QuerySet[AuditEvent]") -> Iterator[tuple[bytes, list[Any]]]:
    """The keys of these rows, and their values in the order of ``offline.FIELDS``."""
    connection = connections[rows.db]
    is_plain = connection.vendor == "postgresql"
    zone = None if is_plain or not of_django("USE_TZ") else connection.timezone
    for text, at, action, outcome, actor, user, request, email, *others, detail in rows.values_list(
        Cast("pk", TextField()), *_columns(connection)
    ).iterator(chunk_size=AT_ONCE):
        if key := _key(text, is_plain=is_plain):
            when = at if is_plain else _moment(at, zone)
            which = (request, email) if is_plain else (_dashed(request), _dashed(email))
            yield key, [when, action, outcome, actor, user, *which, *others, _parsed(detail)]


def rows_of(keys: Sequence[bytes]) -> dict[bytes, bytes]:
    """The digests of these rows, as far as they are there. Their keys lie side by side, but for what was late: one
    range is read quicker than a thousand keys."""
    if not keys:
        return {}
    found = AuditEvent.objects.filter(pk__gte=UUID(bytes=min(keys)), pk__lte=UUID(bytes=max(keys))).order_by()
    if found[: 2 * len(keys) + 1].count() > 2 * len(keys):
        found = AuditEvent.objects.filter(pk__in=[UUID(bytes=key) for key in keys]).order_by()
    wanted = set(keys)
    return {key: offline.digest(values) for key, values in values_of(found) if key in wanted}


def _columns(connection: BaseDatabaseWrapper) -> Iterator[Any]:
    for name in offline.FIELDS:
        if name == "occurred_at":
            yield _InUtc(F(name)) if connection.vendor == "postgresql" else Cast(name, TextField())
        else:
            yield Cast(name, TextField()) if name in (*_KEYS, "detail") else name


def _key(text: str, *, is_plain: bool) -> bytes:
    """Only as it is stored: a key in capitals or with dashes is to SQLite another one, which no look by key finds."""
    digits = text.replace("-", "") if is_plain else text
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        return b""
    return key if len(key) == 16 and key.hex() == digits else b""


def _moment(text: str, zone: tzinfo | None) -> str:
    """Of SQLite, where it stands in the time zone of the connection."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (
        (at.replace(tzinfo=zone) if zone and not at.tzinfo else at).astimezone(UTC).isoformat(timespec="microseconds")
    )


def _dashed(key: str | None) -> str | None:
    return key and f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"


def _parsed(text: str) -> Any:
    try:
        value, end = _DECODED(text)
    except ValueError:
        return text
    return value if end == len(text) else text
