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
from typing import Any, Final, NamedTuple, cast

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from recovery.accounts import key_of, shares_name
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
        """``whose``: key of the account with this name, "" if there is none. Asked only when a counter is locked whose
        account is not known, and by the same statement for both."""
        self.counters, self.whose, self.ip = counters, whose, ip
        self.is_admitted = False
        self.refused_until: datetime | None = None
        """Until when a page may say that sign-in is refused; None: it is not."""
        limits = conf.LOGIN_FAILURE_LIMIT
        self.counted = {each.key: each for each in counters.each if limits[each.kind] is not None}
        self.limits = {key: (each.kind, cast(int, limits[each.kind])) for key, each in self.counted.items()}
        self.keys = list(self.limits)
        window = conf.LOGIN_FAILURE_WINDOW.total_seconds()
        vendor = connections[router.db_for_write(LoginCounter)].vendor
        kinds, memory = tuple(self.limits.values()), max(DAY, window + episodes.QUIET.total_seconds())
        self.shape = Shape(vendor, kinds, window, memory, len(counters.staff))
        slot = counters.letters + secrets.token_hex(statements.RANDOM // 2) + ip
        self.params: dict[str, Any] = {"letters": counters.letters, "slot": slot}
        self.params |= {f"key{number}": key for number, key in enumerate(self.keys)}
        self.params |= {f"staff{number}": key for number, key in enumerate(counters.staff)}

    def enter(self) -> bool:
        """Whether the password may be judged now. Waits ten seconds at most; commits what it takes."""
        for pause in self.pauses():
            admission = self.take()
            if admission != Admission.WAITS:
                return admission == Admission.ADMITTED
            time.sleep(pause)
        self.wait_in_vain()
        return False

    def pauses(self) -> Iterator[float]:
        """Seconds to wait after each ``take`` that has to."""
        last = time.monotonic() + PATIENCE
        while time.monotonic() < last:
            yield random.uniform(*STEP)  # noqa: S311 - spreads tries, hides nothing

    def wait_in_vain(self) -> None:
        """It was not admitted in all that time: ``refused_until`` says when it may be."""
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
        self._fail(self.keys)

    def succeed(self, user: AbstractBaseUser) -> bool:
        """The password was right; False if staff shut the account all the same, under another name.

        A success is of one account, and frees no other: where the name may mean several, the others have one failure
        more, since the password may have been judged as theirs before.
        """
        name, own = keys.of_name(user.get_username()), [key for key in self.keys if self._is_of_somebody(key)]
        others = [key for key in own if self.counted[key].name != name] if len(own) > 1 else []
        with apart() as connection:
            if not self._succeed(connection, user, without=others):
                episodes.follow(user)
                self.refused_until = self._soon(connection)
                return False
        if others:
            self._fail(others)
        return True

    def give_back(self) -> None:
        """Nothing was judged."""
        with apart() as connection:
            self._give_back(connection, self.keys)

    def _fail(self, those: list[int]) -> None:
        shape, params = self._of(those)
        with apart() as connection:
            found = episodes.run(connection, statements.fail(shape), params)
        for key, failed, streak, *_ in found:
            # A source is locked when the next name comes: who slipped there once has a try more.
            if not self._is_of_somebody(key):
                continue
            is_full = failed >= self.limits[key][1] or streak >= MOST_IN_A_ROW
            if not (is_full and self._lock(key)) and streak % FEW == 0:
                with apart() as connection:
                    episodes.run(connection, statements.keep(self.shape), {"key": key})

    def _succeed(self, connection: BaseDatabaseWrapper, user: AbstractBaseUser, *, without: list[int]) -> bool:
        shape, params = self._of([key for key in self.keys if key not in without])
        params = {**params, "shut": keys.shut_account(key_of(user))}
        found = episodes.run(connection, statements.succeed(shape), params) if shape.limits else []
        for key, failed, in_a_row, *_ in found:
            if not self._is_of_somebody(key):
                if failed and not without:
                    episodes.run(connection, statements.forgive(self.shape), {**self.params, "key": key})
            elif in_a_row > 0 and not shares_name(user):
                episodes.run(connection, statements.begin_anew(self.shape), {"key": key})
        if not found:  # locked since, or of others alone
            return not LoginCounter.objects.filter(pk=params["shut"]).exists()
        return not any(row[3] for row in found)

    def _is_of_somebody(self, key: int) -> bool:
        return self.counted[key].kind != LockKind.SOURCE

    def _of(self, those: list[int]) -> tuple[Shape, dict[str, Any]]:
        """What a statement for some of the counters needs."""
        if those == self.keys:
            return self.shape, self.params
        own = {f"key{place}": key for place, key in enumerate(those)}
        return self.shape._replace(limits=tuple(self.limits[key] for key in those)), {**self.params, **own}

    def _give_back(self, connection: BaseDatabaseWrapper, taken: list[int]) -> None:
        shape, params = self._of([key for key in self.keys if key in taken])
        episodes.run(connection, statements.give_back(shape), params)

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
            elif row.failed >= most or (row.streak >= MOST_IN_A_ROW and kind != LockKind.SOURCE):
                self._lock(key)
                return Admission.REFUSED if self.refused_until else Admission.WAITS
            elif row.failed + row.held >= most:
                return Admission.WAITS
        with apart() as connection:
            for key in full:
                episodes.run(connection, statements.prune(self.shape), {"key": key})
            is_taken = self._taken(connection, self.shape._replace(limits=tuple(room.values())))
        return Admission.ADMITTED if is_taken else Admission.WAITS

    def _lock(self, key: int) -> bool:
        """Whether it was full: some of its failures may be old."""
        kind, _ = self.limits[key]
        user_key = "" if kind == LockKind.SOURCE else self.counted[key].user_key or self.whose()
        until = episodes.begin(self.shape, kind, key, user_key=user_key, ip=self.ip)
        if until is not None:
            self.refused_until = max(until, self.refused_until or until)
        return until is not None

    def _soon(self, connection: BaseDatabaseWrapper) -> datetime:
        [[now]] = episodes.run(connection, statements.clock(self.shape.vendor), {})
        return moment(now) + timedelta(seconds=statements.HELD)


def _is_full(row: Seen | None, kind: str, most: int) -> bool:
    """As the statement judges that takes slots."""
    return row is not None and (row.taken >= most or (kind != LockKind.SOURCE and row.streak >= MOST_IN_A_ROW))
