"""Whether the time of a refused sign-in tells who has an account, or a right password from a wrong one while locked.

``python -m benchmarks.sign_in_timing``. The protocol of ``timing`` (pairs, controls, a planted millisecond) at our own
sign-in page, in each state of a counter: open, the failure that locks, waiting, locked. A state is written into the
table just before the timed request. Passwords have the cheapest hash, so that it hides nothing.
"""

import math
import random
from contextlib import ExitStack
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from benchmarks import report, stage
from benchmarks.timing import CONTROL, PLANTED, Browser, Cells, measure, serving, show

PATH: Final = "/sign-in/"
WRONG: Final = "wrong-horse-7-battery"
SOON: Final = 0.015  # seconds for which a slot is held: shorter than the shortest step of who waits

CELLS: Final[Cells] = {
    CONTROL: ("unknown", "unknown"),
    PLANTED: ("unknown", "planted"),
    "open: known, unknown": ("known", "unknown"),
    "open: known, inactive": ("known", "inactive"),
    "open: known, no password": ("known", "no password"),
    "open, again: known, unknown": ("known again", "unknown again"),
    "locking: known, unknown": ("known fifth", "unknown fifth"),
    "locked: known, unknown": ("known locked", "unknown locked"),
    "locked: wrong, right": ("known locked", "right locked"),
    "waiting: known, unknown": ("known waiting", "unknown waiting"),
    "waiting: wrong, right": ("known waiting", "right waiting"),
}
SELDOM: Final = {cell: 5 for cell in CELLS if cell.startswith("waiting")}
"""These wait for 20 to 60 ms each, so only every fifth pair is asked."""
BASES: Final = {"right": "known", "planted": "unknown"}


class Crowd:
    """Names of each class, none used twice in a block. Nothing in a name tells its class."""

    def __init__(self, browser: Browser, users: int) -> None:
        self.browser = browser
        known = [stage.address(n) for n in range(users) if n % 10 > 1]
        self.pools = {
            "known": known,
            "unknown": [stage.address(n, known=False) for n in range(len(known))],
            "inactive": [stage.address(n) for n in range(0, users, 10)],
            "no password": [stage.address(n) for n in range(1, users, 10)],
        }
        self.fresh: dict[str, list[str]] = {}

    def new_block(self, dice: random.Random) -> None:
        """Nobody ever failed, and the names are dealt anew."""
        from benchmarks.forgot import empty_limits_and_queue
        from recovery.models import AuditEvent, Lockout, LoginCounter

        empty_limits_and_queue()
        for model in (LoginCounter, Lockout, AuditEvent):
            model._base_manager.all()._raw_delete("default")
        self.fresh = {name: dice.sample(pool, len(pool)) for name, pool in self.pools.items()}

    def ask(self, name: str) -> float:
        """One sign-in of this class that does not get in; the seconds that it took."""
        base, _, state = (name, "", "") if name in self.fresh else name.partition(" ")
        who = self.fresh[BASES.get(base, base)].pop()
        if state:
            _put(who, **STATES[state])
        form = {"username": who, "password": stage.PASSWORD if base == "right" else WRONG}
        status, seconds = self.browser.post(PATH, form, planted=name == "planted")
        assert status == (429 if state in REFUSED else 200), (name, status)
        return seconds


STATES: Final[dict[str, dict[str, Any]]] = {
    "again": {"failed": 1},
    "fifth": {"failed": 4},
    "locked": {"failed": 0, "locked": timedelta(minutes=10)},
    "waiting": {"failed": 4, "held": SOON},
}
REFUSED: Final = ("fifth", "locked", "waiting")


def _put(name: str, *, failed: int, held: float = 0, locked: timedelta | None = None) -> None:
    """Write the counter of ``name`` as so many failures leave it, with a slot that is held for so many seconds."""
    from django.utils import timezone

    from recovery import lockouts
    from recovery.models import LoginCounter

    now = timezone.now()
    slots = {f"{number:018x}": round(now.timestamp(), 3) - 1 for number in range(failed)}
    slots |= {"f" * 18: round(now.timestamp() + held, 3)} if held else {}
    LoginCounter.objects.bulk_create(
        [
            LoginCounter(
                key=lockouts.of_name(name),
                slots=slots,
                taken=len(slots),
                failed=failed,
                streak=len(slots),
                lock_count=int(locked is not None),
                locked_until=now + locked if locked else None,
                forget_at=now + timedelta(hours=25),
            )
        ]
    )


def run(kind: str, options: Any) -> None:
    cells = {cell: CELLS[cell] for cell in [CONTROL, PLANTED, *(options.cell or list(CELLS)[2:])]}
    for users in options.users or [1000, 100_000]:
        stage.populate(users)
        environment = {
            "DATABASE_URL": stage.url_of(users),
            "DJANGO_SETTINGS_MODULE": "benchmarks.sign_in_site.settings",
        }
        with ExitStack() as stack:
            crowd = Crowd(stack.enter_context(serving(environment)), users)
            found = measure(crowd, users, options.pairs, cells, seldom=SELDOM, seconds=options.seconds)
        print(f"Sign-in on {kind}, {users} users")
        words = show(found)
        figures = {cell: {**asdict(got), "word": words[cell]} for cell, got in found.items()}
        report.save(options.out, f"sign_in_timing_{kind}_{users}", {"kind": kind, "users": users, "cells": figures})


def main() -> None:
    parser = stage.arguments(__doc__)
    parser.add_argument("--pairs", type=int, default=2000, help="of each cell (%(default)s); 20000 to be sure of one")
    parser.add_argument("--seconds", type=float, default=math.inf, help="for each size: end with fewer pairs then")
    parser.add_argument("--cell", choices=list(CELLS)[2:], action="append", help="besides the controls (all)")
    options = parser.parse_args()
    if options.url:
        run(stage.set_up(options.url, settings="benchmarks.sign_in_site.settings"), options)
    else:
        stage.in_a_process_each("benchmarks.sign_in_timing", options)


if __name__ == "__main__":
    main()
