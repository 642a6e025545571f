"""A sign-in at the counters: admitted before its password is judged, settled after. Who calls it is ``backends``.

A slot is taken in each counter or in none. Where all are taken and some may come back, the try waits its turn: people
who sign in at once with the right password all get in.
"""

import random
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final, NamedTuple

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.functions import Now

from recovery.accounts import key_of
from recovery.conf import conf
from recovery.lockouts import episodes, keys, statements
from recovery.lockouts.apart import apart
from recovery.lockouts.episodes import moment
from recovery.lockouts.keys import Counters
from recovery.lockouts.statements import FEW, MOST_IN_A_ROW, Shape
from recovery.models import LoginCounter
from recovery.reasons import LockKind

STEP: Final = (0.02, 0.06)  # seconds
PATIENCE: Final = float(statements.HELD)
DAY: Final = 86_400
BATCH: Final = 1000


def purgeable() -> "QuerySet[LoginCounter]":
    """Counters that say nothing any more: their window, their locks and what these grow by are over."""
    return LoginCounter.objects.filter(forget_at__lt=Now())


def purge() -> int:
    """Remove them, a thousand in a commit; returns how many went."""
    gone = 0
    while keys := list(purgeable().order_by("forget_at").values_list("pk", flat=True)[:BATCH]):
        gone += purgeable().filter(pk__in=keys)._raw_delete(router.db_for_write(LoginCounter))
    return gone


class Admission(Enum):
    """What became of a try."""

    ADMITTED = "admitted"
    WAITS = "waits"
    REFUSED = "refused"


class Seen(NamedTuple):
    """A counter as ``statements.look`` finds it: what refuses, slots that count, and of those the ones of the name."""

    key: int
    locked_until: Any
    taken: int
    streak: int
    failed: int
    held: int
    failed_of_name: int
    held_of_name: int
    now: Any


class Attempt:
    """One sign-in. Admitted at most once and settled by one of ``fail``, ``succeed`` and ``give_back``; one that nobody
    settles is a failure ten seconds after it was admitted."""

    def __init__(self, counters: Counters, *, whose: Callable[[], str], ip: str = "") -> None:
        """``whose``: key of the account with this name, "" if there is none. Asked only when a counter is locked, and
        by the same statement for both."""
        self.counters, self.whose, self.ip = counters, whose, ip
        self.is_admitted = False
        self.refused_until: datetime | None = None
        """Until when a page may say that sign-in is refused; None: it is not."""
        limits = conf.LOGIN_FAILURE_LIMIT
        counted = dict(zip(counters.kinds, counters.keys, strict=True))
        kinds = [(kind, most) for kind in counted if (most := limits[kind]) is not None]
        window, quiet = conf.LOGIN_FAILURE_WINDOW.total_seconds(), episodes.QUIET.total_seconds()
        vendor = connections[router.db_for_write(LoginCounter)].vendor
        self.shape = Shape(vendor, tuple(kinds), window, max(DAY, window + quiet))
        self.keys = [counted[kind] for kind, _ in kinds]
        self.limits = dict(zip(self.keys, kinds, strict=True))
        self.params: dict[str, Any] = {f"key{number}": key for number, key in enumerate(self.keys)}
        self.params |= {
            "staff": counters.staff,
            "letters": counters.letters,
            "slot": counters.letters + secrets.token_hex(5),
        }

    def enter(self) -> bool:
        """Whether the password may be judged now. Waits ten seconds at most; commits what it takes."""
        for pause in self.pauses():
            admission = self.take()
            if admission != Admission.WAITS:
                return admission == Admission.ADMITTED
            time.sleep(pause)
        return False

    def pauses(self) -> Iterator[float]:
        """Seconds to wait after each ``take`` that has to."""
        last = time.monotonic() + PATIENCE
        while time.monotonic() < last:
            yield random.uniform(*STEP)  # noqa: S311 - spreads tries, hides nothing
        with apart() as connection:
            self.refused_until = self._soon(connection)

    def take(self) -> Admission:
        """Try once."""
        with apart() as connection:
            if self._taken(connection, self.shape):
                return Admission.ADMITTED
            seen = [Seen(*row) for row in episodes.run(connection, statements.look(self.shape), self.params)]
        locks = [episodes.of_page(moment(row.locked_until), moment(row.now)) for row in seen if row.locked_until]
        if locks:
            self.refused_until = max(locks)
            return Admission.REFUSED
        return self._judged({row.key: row for row in seen})

    def fail(self) -> None:
        """The password was wrong. May lock; then ``refused_until`` says so."""
        with apart() as connection:
            found = episodes.run(connection, statements.fail(self.shape), self.params)
        for key, failed, streak, *_ in found:
            kind, most = self.limits[key]
            # A source is locked when the next name comes: who slipped there once has a try more.
            if kind == LockKind.SOURCE:
                continue
            if failed >= most or streak >= MOST_IN_A_ROW:
                self._lock(key)
            elif streak % FEW == 0:
                with apart() as connection:
                    episodes.run(connection, statements.keep(self.shape), {"key": key})

    def succeed(self, user: AbstractBaseUser) -> bool:
        """The password was right; False if staff shut the account all the same, under another name."""
        params = {**self.params, "shut": keys.shut_account(key_of(user))}
        with apart() as connection:
            found = episodes.run(connection, statements.succeed(self.shape), params)
            for key, failed, *_ in found:
                if failed and self.limits[key][0] == LockKind.SOURCE:
                    episodes.run(connection, statements.forgive(self.shape), {**params, "key": key})
            if not any(row[2] for row in found):
                return True
            episodes.follow(user)
            self.refused_until = self._soon(connection)
        return False

    def give_back(self) -> None:
        """Nothing was judged."""
        with apart() as connection:
            self._give_back(connection, self.keys)

    def _give_back(self, connection: BaseDatabaseWrapper, taken: list[int]) -> None:
        at = [number for number, key in enumerate(self.keys) if key in taken]
        shape = self.shape._replace(limits=tuple(self.shape.limits[number] for number in at))
        params = {f"key{place}": self.keys[number] for place, number in enumerate(at)}
        episodes.run(connection, statements.give_back(shape), {**params, "slot": self.params["slot"]})

    def _taken(self, connection: BaseDatabaseWrapper, shape: Shape) -> bool:
        taken = [key for key, *_ in episodes.run(connection, statements.take(shape), self.params)]
        self.is_admitted = len(taken) == len(self.keys)
        if taken and not self.is_admitted:
            self._give_back(connection, taken)
        return self.is_admitted

    def _judged(self, seen: dict[int, Seen]) -> Admission:
        """What follows from what was seen: a lock, patience, or room after all."""
        room, full = dict(self.limits), [key for key, limit in self.limits.items() if _is_full(seen.get(key), *limit)]
        for key in full:
            row, (kind, most) = seen[key], room[key]
            if kind == LockKind.SOURCE and row.failed_of_name == 1:
                if row.held_of_name:
                    return Admission.WAITS
                room[key] = (kind, row.failed + row.held + 1)
            elif row.failed >= most or (row.streak >= MOST_IN_A_ROW and not row.held and kind != LockKind.SOURCE):
                self._lock(key)
                return Admission.REFUSED if self.refused_until else Admission.WAITS
            elif row.failed + row.held >= most or (row.streak >= MOST_IN_A_ROW and kind != LockKind.SOURCE):
                return Admission.WAITS
        with apart() as connection:
            for key in full:
                episodes.run(connection, statements.prune(self.shape), {"key": key})
            is_taken = self._taken(connection, self.shape._replace(limits=tuple(room.values())))
        return Admission.ADMITTED if is_taken else Admission.WAITS

    def _lock(self, key: int) -> None:
        kind, _ = self.limits[key]
        user_key = "" if kind == LockKind.SOURCE else self.whose()
        until = episodes.begin(self.shape, kind, key, user_key=user_key, ip=self.ip)
        if until is not None:
            self.refused_until = max(until, self.refused_until or until)

    def _soon(self, connection: BaseDatabaseWrapper) -> datetime:
        [[now]] = episodes.run(connection, statements.clock(self.shape.vendor), {})
        return moment(now) + timedelta(seconds=statements.HELD)


def _is_full(row: Seen | None, kind: str, most: int) -> bool:
    """As the statement judges that takes slots."""
    return row is not None and (row.taken >= most or (kind != LockKind.SOURCE and row.streak >= MOST_IN_A_ROW))
