"""Binds rows of the trail into the chain, in the background; nobody who is served waits for it.

Rows are found by their keys, which bear their time: those of the last two minutes at every pass, and now and then those
of the last two hours, so that what a slow transaction commits late is sealed late, and not missed. A pass reads and
hashes without a lock; under one it looks whether another was quicker, and writes its one row.
"""

import hmac
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

from django.db import connections, router
from django.utils import timezone

from recovery.audit import chain, offline
from recovery.audit.reading import keys_of, rows_of
from recovery.conf import secret_keys
from recovery.models import AuditEvent, AuditSeal
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
        last = chain.newest()
        rows = _batch(unsealed(LATE if far else NEAR))
        if not rows:
            break
        if _write(_made(last, rows), last):
            sealed += len(rows)
    return sealed


def _batch(keys: Iterator[bytes]) -> list[bytes]:
    """What goes into one seal. Keys that are ahead of the clock have seals of their own: with them among its own, no
    batch would tell how far the chain is."""
    found, ahead = list(islice(keys, BATCH)), key_at(timezone.now() + SKEW).bytes
    return [key for key in found if key < ahead] or found


def first_number() -> int | None:
    """Of the seal that the chain begins with. A purge changes it; while a reader of the chain sees the same, none came
    between."""
    return chain.seals().values_list("number", flat=True).first()


def since(back: timedelta) -> UUID:
    """The first key that may have no seal and still get one: so far back from where the chain is, and from now. A row
    whose key was ahead of the clock when it was sealed does not tell where that is, not even once its time has come."""
    reached = (key for key, at in chain.frontiers() if key < key_at(at + SKEW).bytes)
    if (key := next(reached, None)) is None:
        return _FIRST
    at = datetime.fromtimestamp(int.from_bytes(key[:6]) / 1000, UTC)
    return key_at(min(at, timezone.now()) - back)


def unsealed(back: timedelta) -> Iterator[bytes]:
    """Keys of rows without a seal, the oldest first."""
    first = since(back)
    near = chain.keys(chain.seals().filter(frontier__gte=first))
    sealed = {key for _number, _first, own in near for key in own}
    return (key for key in keys_of(AuditEvent.objects.filter(pk__gte=first).order_by("pk")) if key not in sealed)


def header_of(each: AuditSeal) -> offline.Header:
    return offline.Header(each.number, each.first, each.count, _written(each.sealed_at))


def leaves_of(each: AuditSeal) -> list[bytes]:
    keys, digests = bytes(each.keys), bytes(each.digests)
    places = range(len(digests) // 32)
    return [offline.leaf(keys[16 * at : 16 * at + 16], digests[32 * at : 32 * at + 32]) for at in places]


def masters() -> dict[str, bytes]:
    """The keys of seals by their names: that of SECRET_KEY, then those of its fallbacks."""
    made = [hmac.digest(secret.encode(), b"recovery.audit.seal", "sha256") for secret in secret_keys()]
    return {offline.proof(master, "name of the key")[:16]: master for master in made}


def seal_key(master: bytes, number: int) -> bytes:
    """The key of one seal. Whoever is given it can check that seal, and make no other."""
    return hmac.digest(master, b"seal %d" % number, "sha256")


def _made(last: AuditSeal | None, keys: list[bytes]) -> AuditSeal:
    digests = rows_of(keys)
    keys = [key for key in keys if key in digests]
    each = AuditSeal(
        number=last.number + 1 if last else 1,
        first=last.last + 1 if last else 1,
        count=len(keys),
        keys=b"".join(keys),
        digests=b"".join(digests[key] for key in keys),
        frontier=UUID(bytes=max(keys)),
        sealed_at=_now(),
        previous=last.head if last else offline.START,
    )
    each.head = offline.head(each.previous, header_of(each), offline.body(leaves_of(each)))
    each.key_id, master = next(iter(masters().items()))
    each.proof = offline.proof(seal_key(master, each.number), each.head)
    return each


def _write(each: AuditSeal, last: AuditSeal | None) -> bool:
    """False if another was quicker. The number is the key of the row, so that even without the lock no two would be."""
    with atomic(AuditSeal):
        take_lock()
        if chain.seals().values_list("number", flat=True).last() != (last and last.number):
            return False
        each.save()
    return True


def take_lock() -> None:
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
