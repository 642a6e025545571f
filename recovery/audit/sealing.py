"""Binds rows of the trail into the chain, in the background; nobody who is served waits for it.

Rows are found by their keys, which bear their time: those of the last two minutes at every pass, and now and then those
of the last two hours, so that what a slow transaction commits late is sealed late, and not missed. A pass reads and
hashes without a lock; under one it looks whether another was quicker, and writes its one row.
"""

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db import connections, router
from django.utils import timezone

from recovery.audit import offline
from recovery.conf import secret_keys
from recovery.models import AuditEvent, AuditSeal
from recovery.models.audit import keys_in
from recovery.models.primary import SKEW, atomic, key_at

logger = logging.getLogger(__name__)

BATCH: Final = 1000
NEAR: Final = timedelta(minutes=2)
LATE: Final = SKEW + timedelta(hours=1)
"""So far back a row may bear its time and still be sealed: clocks an hour apart, and a transaction of an hour."""
EVERY: Final = 60.0  # seconds between two passes that look back as far as that, in each process
SECONDS: Final = 10.0
LOCK: Final = 0x7265_636F_7665_7279  # PostgreSQL's advisory lock of the chain: "recovery"
_FIRST: Final = UUID(int=0)

_looked_far = {"at": 0.0}


def seal(*, seconds: float = SECONDS, far: bool = False) -> int:
    """Seal what has no seal; returns how many rows got one. Commits batch by batch, for so many seconds.

    May run anywhere at any time, and twice at once. ``far``: look back as far as rows are ever sealed.
    """
    ends, sealed = time.monotonic() + seconds, 0
    if far or time.monotonic() > _looked_far["at"] + EVERY:
        far, _looked_far["at"] = True, time.monotonic()
    while time.monotonic() < ends:
        last = newest()
        rows = list(islice(unsealed(last, LATE if far else NEAR), BATCH))
        if not rows:
            break
        if _write(_made(last, rows), last):
            sealed += len(rows)
    return sealed


def newest() -> AuditSeal | None:
    """The seal that the chain ends with."""
    return AuditSeal.objects.order_by("-number").first()


def since(last: AuditSeal | None, back: timedelta) -> UUID:
    """The first key that may have no seal and still get one."""
    if last is None:
        return _FIRST
    at = datetime.fromtimestamp((last.frontier.int >> 80) / 1000, UTC)
    return key_at(min(at, timezone.now()) - back)


def unsealed(last: AuditSeal | None, back: timedelta) -> Iterator[UUID]:
    """Keys of rows without a seal, the oldest first."""
    first = since(last, back)
    near = AuditSeal.objects.filter(frontier__gte=first).order_by().values_list("keys", flat=True)
    sealed = {key for each in near.iterator() for key in keys_in(each)}
    keys = AuditEvent.objects.filter(pk__gte=first).order_by("pk").values_list("pk", flat=True)
    return (key for key in keys.iterator(chunk_size=2000) if key not in sealed)


def rows_of(keys: list[UUID]) -> dict[UUID, bytes]:
    """The digests of these rows, as far as they are there. Their keys lie side by side, but for what was late: one
    range is read quicker than a thousand keys."""
    found = AuditEvent.objects.filter(pk__gte=min(keys), pk__lte=max(keys)).order_by()
    if found[: 2 * len(keys) + 1].count() > 2 * len(keys):
        found = AuditEvent.objects.filter(pk__in=keys).order_by()
    wanted, rows = set(keys), found.values_list("pk", *offline.FIELDS)
    return {key: offline.digest(as_sealed(values)) for key, *values in rows if key in wanted}


def as_sealed(values: list[Any]) -> list[Any]:
    """A row's values, in the order of ``offline.FIELDS``, as its digest covers them and an export shows them."""
    at, *others = values
    return [at.astimezone(UTC).isoformat(timespec="microseconds"), *map(_plain, others)]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def header_of(each: AuditSeal) -> offline.Header:
    return offline.Header(each.number, each.first, each.count, _written(each.sealed_at))


def leaves_of(each: AuditSeal) -> list[bytes]:
    keys, digests = bytes(each.keys), bytes(each.digests)
    places = range(len(digests) // 32)
    return [offline.leaf(keys[16 * at : 16 * at + 16], digests[32 * at : 32 * at + 32]) for at in places]


def masters() -> dict[str, bytes]:
    """The keys of seals by their names: that of SECRET_KEY, then those of its fallbacks."""
    made = [offline.master_key(secret) for secret in secret_keys()]
    return {offline.proof(master, "name of the key")[:16]: master for master in made}


def _made(last: AuditSeal | None, keys: list[UUID]) -> AuditSeal:
    digests = rows_of(keys)
    keys = [key for key in keys if key in digests]
    frontier = max(keys[-1], last.frontier) if last else keys[-1]
    each = AuditSeal(
        number=last.number + 1 if last else 1,
        first=last.last + 1 if last else 1,
        count=len(keys),
        keys=b"".join(key.bytes for key in keys),
        digests=b"".join(digests[key] for key in keys),
        frontier=frontier,
        sealed_at=_now(),
        previous=last.head if last else offline.START,
    )
    each.head = offline.head(each.previous, header_of(each), offline.body(leaves_of(each)))
    each.key_id, master = next(iter(masters().items()))
    each.proof = offline.proof(offline.seal_key(master, each.number), each.head)
    return each


def _write(each: AuditSeal, last: AuditSeal | None) -> bool:
    """False if another was quicker. The number is the key of the row, so that even without the lock no two would be."""
    with atomic(AuditSeal):
        _take_lock()
        if AuditSeal.objects.order_by("-number").values_list("number", flat=True).first() != (last and last.number):
            return False
        each.save()
    return True


def _take_lock() -> None:
    """Until the transaction ends. On SQLite a statement that writes nothing takes what BEGIN IMMEDIATE would."""
    connection = connections[router.db_for_write(AuditSeal)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        else:
            cursor.execute('UPDATE "recovery_auditanchor" SET "number" = "number" WHERE 0')


def _now() -> datetime:
    """The database's time. SQLite has no clock but ours."""
    connection = connections[router.db_for_write(AuditSeal)]
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT STATEMENT_TIMESTAMP()")
        [now] = cursor.fetchone()
    return now  # type: ignore[no-any-return]


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
