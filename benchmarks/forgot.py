"""The forgot-password POST: ours, Django's own and allauth's, in one process, in turns.

``python -m benchmarks.forgot``. No network; ours rings a real broker, whose queue is emptied between rounds and which
no worker reads meanwhile. The peers send their mail in the request, ours leaves that to the worker: what is compared is
what the person and the web server wait for.
"""

import argparse
import random
import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from benchmarks import report, stage

PATHS = {
    "recovery": ("/recovery/forgot/", "identifier"),
    "django": ("/django/password_reset/", "email"),
    "allauth": ("/allauth/password/reset/", "email"),
}
GOALS = {
    # users, seconds a mail, peer: how many times its rate, by database
    (1000, 0.0, "django"): {"sqlite": 1.5, "postgresql": 1.0},
    (1000, 0.0, "allauth"): {"sqlite": 2.5, "postgresql": 1.6},
    (1000, 0.05, "django"): {"sqlite": 50, "postgresql": 25},
    (1000, 0.05, "allauth"): {"sqlite": 50, "postgresql": 25},
    (100_000, 0.0, "django"): {"sqlite": 12, "postgresql": 12},
}
OWN_RATE_AT_MANY_USERS = 0.9
SHARE = 0.25  # seconds for each lane, class and round, within FEWEST and MOST requests
FEWEST, MOST = 8, 100

Cell = tuple[int, float, str, bool]  # users, seconds a mail, lane, whether the address is known


class Course:
    """All lanes on one database, taking turns."""

    def __init__(self, sizes: Sequence[int], costs: Sequence[float]) -> None:
        from benchmarks.lane import Lane

        self.sizes, self.costs = sizes, costs
        self.lanes = {name: Lane(allauth=name == "allauth") for name in PATHS}
        self.times: dict[Cell, list[list[float]]] = defaultdict(list)
        self.counts: dict[tuple[str, bool], Any] = {}
        self.serial = 0

    def run(self, rounds: int) -> None:
        for users in self.sizes:
            stage.populate(users)
            self._warm_up(users)
        for number in range(rounds):
            for users in self.sizes:
                stage.go_to(users)
                for cost in self.costs:
                    for name in random.Random(number).sample(list(PATHS), len(PATHS)):
                        self._turn(users, cost, name, number)
        self._refuse_if_limited()

    def _turn(self, users: int, cost: float, name: str, number: int) -> None:
        from benchmarks.slow_mail import SlowMemory

        empty_limits_and_queue()
        SlowMemory.seconds = cost
        order = [True, False] * self._enough(users, cost, name)
        random.Random(number).shuffle(order)
        got: dict[bool, list[float]] = {True: [], False: []}
        for known in order:
            got[known].append(self._ask(name, users, known=known))
        for known, times in got.items():
            self.times[users, cost, name, known].append(times)
        SlowMemory.seconds = 0

    def _enough(self, users: int, cost: float, name: str) -> int:
        """As many of a class as the share of time allows, the same in every round."""
        before = self.times.get((users, cost, name, True))
        if before:
            return len(before[0])
        once = statistics.median(self._ask(name, users, known=True) for _ in range(3))
        return max(FEWEST, min(MOST, int(SHARE / once)))

    def _ask(self, name: str, users: int, *, known: bool) -> float:
        self.serial += 1
        path, field = PATHS[name]
        number = self.serial % users
        if known and number % 10 < 2:  # neither inactive nor without a password
            number += 2
        answer = self.lanes[name].ask(
            "POST", path, {field: stage.address(number if known else self.serial, known=known)}
        )
        assert answer.status == 302, (name, answer.status, answer.body[:500])
        return answer.seconds

    def _warm_up(self, users: int) -> None:
        from benchmarks.lane import counting

        empty_limits_and_queue()
        for name in PATHS:
            for known in (True, False):
                for _ in range(20):
                    self._ask(name, users, known=known)
                with counting() as count:
                    self._ask(name, users, known=known)
                self.counts[name, known] = count

    def _refuse_if_limited(self) -> None:
        from recovery.models import ResetRequest

        for users in self.sizes:
            stage.go_to(users)
            assert not ResetRequest.objects.exclude(outcome="received").exists(), (
                "a limit was reached: figures are void"
            )


def empty_limits_and_queue() -> None:
    """Nobody's limiter ever refuses, and the broker does not fill up."""
    import redis
    from django.conf import settings
    from django.core.cache import cache

    from recovery.models import LimitCounter

    cache.clear()
    LimitCounter.objects.all().delete()
    redis.Redis.from_url(settings.REDIS_URL).delete("celery")


def show(kind: str, course: Course) -> dict[str, Any]:
    rows: list[Sequence[Any]] = []
    figures = []
    for (users, cost, name, known), times in course.times.items():
        count = course.counts[name, known]
        got = report.summary(times)
        by_known = "known" if known else "unknown"
        row = [users, round(cost * 1e3), name, by_known, *got.values(), len(count.statements), count.commits]
        rows.append(row)
        figures.append({**dict(zip(HEADS, row, strict=True)), "statements": count.statements})
    print(f"Forgot-password POST on {kind}")
    report.table(HEADS, rows)
    lines = goals(kind, course)
    report.table(
        ["users", "mail ms", "compared with", "ratio", "of medians", "goal", ""],
        [list(line.values()) for line in lines],
    )
    return {"kind": kind, "figures": figures, "lines": lines}


HEADS = ["users", "mail ms", "lane", "address", "per second", "median ms", "p95 ms", "sql", "commits"]


def goals(kind: str, course: Course) -> list[dict[str, Any]]:
    lines = []
    for users in course.sizes:
        for cost in course.costs:
            ours = course.times[users, cost, "recovery", True]
            for peer in ("django", "allauth"):
                reached = report.ratios(ours, course.times[users, cost, peer, True])
                goal = GOALS.get((users, cost, peer), {}).get(kind)
                lines.append(_line(users, cost, peer, reached, goal))
            if users != course.sizes[0]:
                reached = report.ratios(ours, course.times[course.sizes[0], cost, "recovery", True])
                lines.append(_line(users, cost, f"ours at {course.sizes[0]}", reached, OWN_RATE_AT_MANY_USERS))
    return lines


def _line(users: int, cost: float, what: str, reached: tuple[float, float], goal: float | None) -> dict[str, Any]:
    met = report.verdict(reached[0], goal) if goal else ""
    facts = {"users": users, "mail_ms": round(cost * 1e3), "with": what}
    return {**facts, "ratio": reached[0], "of_medians": reached[1], "goal": goal or "", "met": met}


def main() -> None:
    parser = stage.arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--mail", type=float, action="append", help="seconds that a mail costs (0 and 0.05)")
    options: argparse.Namespace = parser.parse_args()
    if not options.url:
        stage.in_a_process_each("benchmarks.forgot", options)
        return
    kind = stage.set_up(options.url)
    course = Course(options.users or [1000, 100_000], options.mail or [0.0, 0.05])
    course.run(options.rounds)
    report.save(options.out, f"forgot_{kind}", show(kind, course))


if __name__ == "__main__":
    main()
