"""How often is too often. One statement counts several keys; time is the database's.

A window starts with the first try and is counted anew after its end. A limit is never a reason to tell the
asker anything: intake records the outcome and answers alike.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from django.db import connections, models, router
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.encoding import force_bytes

from recovery.conf import conf, of_django
from recovery.models import LimitCounter
from recovery.models.primary import atomic

SAVED_UP: Final = timedelta(seconds=20)
"""Of a steady pace, what was not used for so long may go at once: a sweep comes every fifteen seconds."""

BATCH: Final = 1000

_NOW: Final = {"postgresql": "statement_timestamp()", "sqlite": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"}
_LATER: Final = {
    "postgresql": "statement_timestamp() + make_interval(secs => %s)",
    "sqlite": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', %s || ' seconds')",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """One try counted: how many there were in the window, how many are allowed, when it is free again."""

    count: int
    limit: int
    free_again_at: datetime

    @property
    def refused(self) -> bool:
        return self.count > self.limit


@dataclass(frozen=True, slots=True)
class Standing:
    """How often it was tried in the running window, how often is allowed, and when it is free again (now, where no
    window runs)."""

    count: int
    limit: int
    free_again_at: datetime

    @property
    def is_used_up(self) -> bool:
        """Whether the next try would be refused."""
        return self.count >= self.limit


@dataclass(frozen=True, slots=True)
class Counting:
    """A statement that counts tries and returns key, count, window_ends_at and now; the limit of each key."""

    sql: str
    params: list[Any]
    limits: dict[int, int]


def take(subjects: Mapping[str, str], *, within: str | None = None) -> tuple[dict[str, Taken], datetime]:
    """Count one try for each limit's subject, ``{"address": "ada@example.org", "source": "192.0.2.1"}``.

    ``within`` names one of them: once that one is used up, a try counts for it alone, so that who is refused
    for one reason cannot use up what belongs to others. Tries at the same moment may each still count.

    One upsert. Its row locks last until the caller's transaction ends, so callers that take the same limits
    in the same order never deadlock and tries for one subject go one after the other. Names are those of
    ``REQUEST_LIMITS``. Returns what was taken and the database's time.
    """
    connection = connections[router.db_for_write(LimitCounter)]
    step = count(subjects, within=within, vendor=connection.vendor)
    with connection.cursor() as cursor:
        cursor.execute(step.sql, step.params)
        rows = cursor.fetchall()
    names = dict(zip(step.limits, subjects, strict=True))
    taken = {names[key]: Taken(tries, step.limits[key], _moment(ends)) for key, tries, ends, _ in rows}
    return taken, _moment(rows[0][3])


def count(subjects: Mapping[str, str], *, within: str | None = None, vendor: str) -> Counting:
    """The statement of ``take``, for a caller that makes it part of a larger one."""
    keys = {name: counter_key(name, subject) for name, subject in subjects.items()}
    limits = {key: conf.REQUEST_LIMITS[name] for name, key in keys.items()}
    bound = keys[within] if within else None
    params: list[Any] = []
    for key, (_, window) in limits.items():
        params += [key, *([bound, limits[bound][0]] if bound not in (None, key) else []), window.total_seconds()]
    bounded = tuple(bound not in (None, key) for key in limits)
    return Counting(_upsert(vendor, bounded), params, {key: most for key, (most, _) in limits.items()})


def look(subjects: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Standing]:
    """Where these stand, ``("address", "ada@example.org")``, without counting a try; one statement for any number.

    What is read may be old news a moment later: ``take`` alone decides.
    """
    keys = {counter_key(*subject): subject for subject in subjects}
    running = LimitCounter.objects.filter(key__in=list(keys), window_ends_at__gt=Now())
    found = {key: (tries, ends) for key, tries, ends in running.values_list("key", "count", "window_ends_at")}
    now = timezone.now()
    return {
        subject: Standing(tries, conf.REQUEST_LIMITS[subject[0]][0], ends)
        for key, subject in keys.items()
        for tries, ends in [found.get(key, (0, now))]
    }


def tally(name: str, subject: str, *, within: timedelta) -> int:
    """Count one more for this subject, and return how many there are in its running window, this one included: for a
    bound that is no setting of the site's. In the caller's transaction, whose end gives the row free."""
    connection = connections[router.db_for_write(LimitCounter)]
    with connection.cursor() as cursor:
        cursor.execute(_upsert(connection.vendor, (False,)), [counter_key(name, subject), within.total_seconds()])
        [(_, count, _, _)] = cursor.fetchall()
    return int(count)


def hold(name: str, subject: str, *, ends: timedelta = timedelta()) -> None:
    """Lock the limit's row until the caller's transaction ends and count nothing: two workers that decide
    for the same subject go one after the other. ``ends``: when the window of a new row does, from now."""
    connection = connections[router.db_for_write(LimitCounter)]
    later, table = _LATER[connection.vendor], LimitCounter._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (key, count, window_ends_at) VALUES (%s, 0, {later})"
            f" ON CONFLICT (key) DO UPDATE SET key = excluded.key",
            [counter_key(name, subject), ends.total_seconds()],
        )


def grant(name: str, *, wanted: int, a_minute: int) -> int:
    """How many of ``wanted`` may go now, at a steady pace for all callers together; commits.

    The row says until when the pace is used up (the generic cell rate algorithm of ITU-T I.371): however often and
    by however many it is asked, no more than ``a_minute`` go in the long run, and after a standstill as many at once
    as ``SAVED_UP`` is worth.
    """
    each = 60 / a_minute  # seconds
    saved_up = max(SAVED_UP, timedelta(seconds=each))
    key, counters = counter_key(name, "pace"), LimitCounter.objects
    with atomic(LimitCounter):
        hold(name, "pace", ends=-saved_up)
        used_until, now = counters.filter(pk=key).values_list("window_ends_at", Now()).get()
        used_until = max(used_until, now - saved_up)
        granted = max(0, min(wanted, int((now - used_until).total_seconds() / each)))
        counters.filter(pk=key).update(window_ends_at=used_until + timedelta(seconds=granted * each))
    return granted


def purgeable() -> "models.QuerySet[LimitCounter]":
    """Counters whose window ended a minute ago: they would start anew anyway, and a pace that is in use would not."""
    return LimitCounter.objects.filter(window_ends_at__lt=Now() - timedelta(minutes=1))


def purge() -> int:
    """Remove them, a thousand in a commit; returns how many went."""
    gone = 0
    while keys := list(purgeable().values_list("pk", flat=True)[:BATCH]):
        gone += purgeable().filter(pk__in=keys)._raw_delete(router.db_for_write(LimitCounter))
    return gone


def forget(subjects: Iterable[tuple[str, str]]) -> int:
    """Remove what was counted of these, ``("address", "ada@example.org")``; returns how many counters went."""
    keys = [counter_key(*subject) for subject in subjects]
    return LimitCounter.objects.filter(pk__in=keys)._raw_delete(router.db_for_write(LimitCounter))


def counter_key(name: str, subject: str) -> int:
    """64 bits of a keyed hash: the table never says who asked, and nobody without the key can aim at a counter."""
    digest = hmac.digest(_key_of(name, of_django("SECRET_KEY")), subject.encode(), "sha256")
    return int.from_bytes(digest[:8], signed=True)


@cache
def _key_of(name: str, secret: str | bytes) -> bytes:
    """As Django's ``salted_hmac`` derives it, once instead of at every ask."""
    return hashlib.sha256(f"recovery.limits.{name}".encode() + force_bytes(secret)).digest()


@cache
def _upsert(vendor: str, bounded: tuple[bool, ...]) -> str:
    """One row for each; a bounded one adds nothing while another row, as it was before, is used up."""
    now, later = _NOW[vendor], _LATER[vendor]
    table = LimitCounter._meta.db_table
    used_up = f"SELECT 1 FROM {table} AS bound WHERE key = %s AND bound.window_ends_at > {now} AND bound.count >= %s"
    added = [f"CASE WHEN EXISTS ({used_up}) THEN 0 ELSE 1 END" if is_bounded else "1" for is_bounded in bounded]
    return (
        f"INSERT INTO {table} (key, count, window_ends_at) VALUES "
        + ", ".join(f"(%s, {one}, {later})" for one in added)
        + f" ON CONFLICT (key) DO UPDATE SET"
        f" count = excluded.count + CASE WHEN {table}.window_ends_at <= {now} THEN 0 ELSE {table}.count END,"
        f" window_ends_at = CASE WHEN {table}.window_ends_at <= {now}"
        f" THEN excluded.window_ends_at ELSE {table}.window_ends_at END"
        f" RETURNING key, count, window_ends_at, {now} AS now"
    )


def _moment(value: datetime | str) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
