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
from typing import Any, Final

from django.db import connections, router

from recovery.conf import conf
from recovery.lockouts import episodes, statements
from recovery.lockouts.apart import apart
from recovery.lockouts.keys import Counters
from recovery.lockouts.statements import Shape
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
        self.refused_until = self.refused_until or self._soon()

    def take(self) -> Admission:
        """Try once."""
        with apart():
            taken = [key for (key,) in episodes.run(statements.take(self.shape), self.params)]
            if len(taken) == len(self.keys):
                self.is_admitted = True
                return Admission.ADMITTED
            if taken:
                self._give_back(taken)
            found = episodes.run(statements.look(self.shape), self.params)
        return self._judged(found)

    def fail(self) -> None:
        """The password was wrong. May lock; then ``refused_until`` says so."""
        with apart():
            found = episodes.run(statements.fail(self.shape), self.params)
        limits = dict(zip(self.keys, self.shape.limits, strict=True))
        for key, failures, held, streak in found:
            kind, most = limits[key]
            # A source is locked when the next name comes: those who slipped there once have a try more.
            if kind != LockKind.SOURCE and _is_over(failures, most, held, streak):
                self._lock(key)

    def succeed(self, user_key: str) -> bool:
        """The password was right; False if the account is shut all the same, under whatever name that was done."""
        with apart():
            found = episodes.run(statements.succeed(self.shape), {**self.params, "user": user_key})
        is_shut = any(shut for _, shut in found)
        if is_shut:
            self.refused_until = self._soon()
        return not is_shut

    def give_back(self) -> None:
        """Nothing was judged."""
        with apart():
            self._give_back(self.keys)

    def _give_back(self, keys: list[int]) -> None:
        at = [number for number, key in enumerate(self.keys) if key in keys]
        shape = self.shape._replace(limits=tuple(self.shape.limits[number] for number in at))
        params = {f"key{place}": self.keys[number] for place, number in enumerate(at)}
        episodes.run(statements.give_back(shape), {**params, "slot": self.params["slot"]})

    def _judged(self, found: list[tuple[Any, ...]]) -> Admission:
        locks = [episodes.of_page(episodes.moment(until), episodes.moment(now)) for _, until, *_, now in found if until]
        if locks:
            self.refused_until = max(locks)
            return Admission.REFUSED
        limits = dict(zip(self.keys, self.shape.limits, strict=True))
        for key, _, failures, held, streak, _ in found:
            if key in limits and _is_over(failures, limits[key][1], held, streak * (limits[key][0] != LockKind.SOURCE)):
                self._lock(key)
        return Admission.REFUSED if self.refused_until else Admission.WAITS

    def _lock(self, key: int) -> None:
        kind = self.shape.limits[self.keys.index(key)][0]
        user_key = "" if kind == LockKind.SOURCE else self.whose()
        until = episodes.begin(self.shape, kind, key, user_key=user_key, ip=self.ip)
        if until is not None:
            self.refused_until = max(until, self.refused_until or until)

    def _soon(self) -> datetime:
        [[now]] = episodes.run(statements.clock(self.shape.vendor), {})
        return episodes.moment(now) + timedelta(seconds=statements.HELD)


def _is_over(failures: int, most: int, held: int, streak: int) -> bool:
    return failures >= most or (streak >= statements.MOST_IN_A_ROW and not held)
