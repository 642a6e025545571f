"""Sign-in: what ours, django-axes and django-defender add to Django's own page, and what they let through in a race.

``python -m benchmarks.login``. The cheapest hasher, so that what is added can be seen; every request has an address of
its own. A process for each lane, each with a database of its own on the same server, taking turns.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import report, stage
from benchmarks.login_site import race

LANES = ("django", "recovery", "axes_database", "axes_redis", "defender")
ADDED = {"axes_database": 0.3, "defender": 0.5}  # of what the peer adds, at most
GROWN = 1.25  # at 1 000 000 counters, of the time at 1 000, at most
SIZES = (1000, 1_000_000)
USERS = 1000


class Lane:
    """Its process."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.environment = {**os.environ, "DATABASE_URL": url, "LOGIN_LANE": name}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.login_site.worker"],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, **command: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"{self.name} ended"
        return json.loads(line)

    def __enter__(self) -> "Lane":
        self.tell(do="prepare", users=USERS)
        return self

    def __exit__(self, *error: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)


class Course:
    """All lanes on one kind of database."""

    def __init__(self, lanes: dict[str, Lane], options: argparse.Namespace) -> None:
        self.lanes, self.options, self.names = lanes, options, [name for name in LANES if name in lanes]
        self.times: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
        self.counts: dict[tuple[str, str], Any] = {}
        self.grown: dict[tuple[str, int], list[list[float]]] = defaultdict(list)
        self.raced: list[list[Any]] = []

    def speed(self) -> None:
        """A first and a second failure of each person, then the right password."""
        count = self.options.count
        for number in range(self.options.rounds + 1):
            first = number * count % (USERS - count)
            for name in random.Random(number).sample(self.names, len(self.names)):
                lane = self.lanes[name]
                lane.tell(do="clear")
                lane.tell(do="sign_in", first=USERS, count=5, right=False)
                for work, right in (("bad", False), ("again", False), ("good", True)):
                    if number == 0:
                        self.counts[name, work] = lane.tell(do="count", first=first, right=right)
                    else:
                        said = lane.tell(do="sign_in", first=first, count=count, right=right)
                        self.times[name, work].append(said["seconds"])

    def growth(self) -> None:
        """The same failures beside few and many counters of other names."""
        names, count = ("recovery", "axes_database"), self.options.count
        for size in SIZES:
            for name in names:
                self.lanes[name].tell(do="clear")
                self.lanes[name].tell(do="fill", rows=size)
            for number in range(self.options.rounds):
                for name in random.Random(number).sample(names, len(names)):
                    said = self.lanes[name].tell(do="sign_in", first=10_000 + number * count, count=count, right=False)
                    self.grown[name, size].append(said["seconds"])
        for name in names:
            self.lanes[name].tell(do="clear")

    def race(self) -> None:
        """Fifty guesses at once against a limit of five."""
        for threads in (4, 16):
            for name in self.names[1:]:
                checked = []
                for number in range(self.options.races):
                    self.lanes[name].tell(do="clear")
                    checked.append(race.run(self.lanes[name].environment, stage.address(number), threads=threads))
                self.raced.append([name, 2 * threads, *checked])


def median_ms(rounds: list[list[float]]) -> float:
    return round(statistics.median(statistics.median(each) for each in rounds) * 1e3, 3)


def show(kind: str, course: Course) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": kind}
    if course.times:
        said |= show_speed(kind, course)
    if course.grown:
        rows = []
        for name in ("recovery", "axes_database"):
            few, many = (median_ms(course.grown[name, size]) for size in SIZES)
            rows.append([name, few, many, round(many / few, 2), GROWN if name == "recovery" else ""])
        print(f"A bad sign-in on {kind}, in ms, beside so many counters of others")
        report.table(["lane", *map(str, SIZES), "ratio", "at most"], rows)
        said["growth"] = rows
    if course.raced:
        print(f"Fifty guesses at once on {kind}, limit 5: passwords checked in each race")
        report.table(["lane", "threads", *("race" for _ in course.raced[0][2:])], course.raced)
        said["race"] = course.raced
    return said


def show_speed(kind: str, course: Course) -> dict[str, Any]:
    rows, lines = [], []
    for name in course.names:
        row: list[Any] = [name]
        for work in ("bad", "again", "good"):
            bare = median_ms(course.times["django", work])
            took, count = median_ms(course.times[name, work]), course.counts[name, work]
            row += [took, round(took - bare, 3), len(count["statements"]), count["commits"], count["redis"]]
        rows.append(row)
    print(f"One sign-in on {kind}: ms, of them added; statements, commits, commands to Redis")
    head = ["ms", "added", "sql", "commits", "redis"]
    report.table(["lane", *(f"{work} {each}" for work in ("bad", "again", "good") for each in head)], rows)
    for peer in course.names[2:]:
        for work in ("bad", "again", "good"):
            goal: Any = ADDED.get(peer, "")
            share = round(statistics.median(_shares(course, peer, work)), 2)
            verdict = "" if goal == "" else ("met" if share <= goal else f"missed, {goal / share:.0%} of the goal")
            lines.append([peer, work, share, goal, verdict])
    print("What ours adds, as a share of what the peer adds: the median of the rounds")
    report.table(["peer", "sign-in", "share", "at most", ""], lines)
    statements = {f"{name}, {work}": count["statements"] for (name, work), count in course.counts.items()}
    return {"figures": rows, "lines": lines, "statements": statements}


def _shares(course: Course, peer: str, work: str) -> list[float]:
    """Of each round. A peer that adds nothing in one has no share."""
    times = [course.times[name, work] for name in ("django", "recovery", peer)]
    medians = [[statistics.median(each) for each in three] for three in zip(*times, strict=True)]
    return [(ours - bare) / max(theirs - bare, 1e-6) for bare, ours, theirs in medians]


def databases(url: str, names: Sequence[str]) -> dict[str, str]:
    """One for each lane."""
    if url.startswith("sqlite"):
        return {name: f"sqlite:///{Path(url.removeprefix('sqlite:///')).with_name(name)}.sqlite3" for name in names}
    import psycopg

    with psycopg.connect(url.replace("postgres://", "postgresql://", 1), autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP DATABASE IF EXISTS benchmark_login_{name}")
            connection.execute(f"CREATE DATABASE benchmark_login_{name}")
    return {name: f"{url.rpartition('/')[0]}/benchmark_login_{name}" for name in names}


def main() -> None:
    parser = stage.arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--count", type=int, default=60, help="sign-ins in each round and lane (%(default)s)")
    parser.add_argument("--races", type=int, default=3)
    parser.add_argument("--work", choices=("speed", "growth", "race"), action="append", help="one only (all)")
    parser.add_argument("--peer", choices=LANES[2:], action="append", help="one only (all)")
    options = parser.parse_args()
    if not options.url:
        stage.in_a_process_each("benchmarks.login", options)
        return
    kind = "sqlite" if options.url.startswith("sqlite") else "postgresql"
    with ExitStack() as stack:
        urls = databases(options.url, [*LANES[:2], *(options.peer or LANES[2:])])
        lanes = {name: stack.enter_context(Lane(name, url)) for name, url in urls.items()}
        course = Course(lanes, options)
        for work in options.work or ("speed", "growth", "race"):
            getattr(course, work)()
        report.save(options.out, f"login_{kind}", show(kind, course))


if __name__ == "__main__":
    main()
