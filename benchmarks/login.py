"""Sign-in: what ours, django-axes and django-defender add to Django's own page, and what they let through in a race.

``python -m benchmarks.login``. The cheapest hasher, so that what is added can be seen; every request has an address of
its own. A process for each lane, each with a database of its own on the same server, taking turns.
"""

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks import report, stage
from benchmarks.lane import CSRF
from tests import hash_spy
from tests.races import site

LANES = ("django", "recovery", "axes_database", "axes_redis", "defender")
MODULES = {"axes_database": "axes", "axes_redis": "axes", "defender": "defender"}
ADDED = {"axes_database": 0.3, "defender": 0.5}  # of what the peer adds, at most
GROWN = 1.25  # at 1 000 000 counters, of the time at 1 000, at most
SIZES = (1000, 1_000_000)
USERS = 1000
WORKS = {  # "known": in the browser in which that person has signed in before
    "bad": {"right": False},
    "again": {"right": False},
    "good": {"right": True},
    "known": {"right": True, "known": True},
}
LIMIT, GUESSES = 5, 50
SLOW = "0.05"  # seconds that comparing a password takes in the race


class Lane:
    """Its process. ``number`` is that of its database in Redis, if it counts there."""

    def __init__(self, name: str, url: str, number: int) -> None:
        self.name = name
        self.environment = {**os.environ, "DATABASE_URL": url, "LOGIN_LANE": name, "LOGIN_REDIS": str(number)}
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

    def race(self, name: str, *, threads: int) -> tuple[int, int]:
        """Fifty wrong guesses at once on two processes: how many passwords were compared, how many requests broke."""
        self.tell(do="clear")
        body = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"csrftoken={CSRF}", "X-CSRFToken": CSRF}
        guesses = [urlencode({"username": name, "password": f"wrong-{number}"}) for number in range(GUESSES)]
        with tempfile.TemporaryDirectory(prefix="recovery-race-") as folder:
            spied = Path(folder) / "hashed"
            environment = {
                **self.environment,
                "DJANGO_SETTINGS_MODULE": "benchmarks.login_site.settings",
                "LOGIN_HASHER": hash_spy.SPY,
                hash_spy.STORE: str(spied),
                hash_spy.SLOWNESS: SLOW,
            }
            wsgi = {"application": "benchmarks.login_site.wsgi", "door": "/login/"}
            with site.served(environment, processes=2, threads=threads, **wsgi) as port:
                spied.write_bytes(b"")
                answers = site.posted_at_once(port, "/login/", guesses, body)
                return spied.stat().st_size, sum(status >= 500 for status in answers)

    def __enter__(self) -> "Lane":
        self.tell(do="prepare", users=USERS)
        self.tell(do="clear")
        return self

    def __exit__(self, *error: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)


class Course:
    """All lanes on one kind of database."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.names = options, [*LANES[:2], *(options.peer or LANES[2:])]
        self.times: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
        self.counts: dict[tuple[str, str], Any] = {}
        self.grown: dict[tuple[str, int], list[list[float]]] = defaultdict(list)
        self.raced: list[list[Any]] = []

    def speed(self) -> None:
        """A first and a second failure of each person, then the right password, and once more in the same browser."""
        count = self.options.count
        with ExitStack() as stack:
            lanes = opened(stack, self.options.url, self.names)
            for number in range(self.options.rounds + 1):
                first = number * count % (USERS - count)
                for name in random.Random(number).sample(self.names, len(self.names)):
                    lane = lanes[name]
                    lane.tell(do="clear")
                    lane.tell(do="sign_in", first=USERS, count=5, right=False)
                    for work, how in WORKS.items():
                        if number == 0:
                            self.counts[name, work] = lane.tell(do="count", first=first, **how)
                        else:
                            said = lane.tell(do="sign_in", first=first, count=count, **how)
                            self.times[name, work].append(said["seconds"])

    def growth(self) -> None:
        """Failures beside few and many counters of other names, each in a database of its own, taking turns."""
        count, cells = self.options.count, [(name, size) for name in self.names[1:] for size in SIZES]
        with ExitStack() as stack:
            opening = {f"{name}_{size}": name for name, size in cells}
            lanes = opened(stack, self.options.url, list(opening), lane_of=opening)
            for name, size in cells:
                lanes[f"{name}_{size}"].tell(do="fill", rows=size)
            for number in range(self.options.rounds + 1):
                for name, size in random.Random(number).sample(cells, len(cells)):
                    first = 10_000 + number * count
                    said = lanes[f"{name}_{size}"].tell(do="sign_in", first=first, count=count, right=False)
                    if number:
                        self.grown[name, size].append(said["seconds"])

    def race(self) -> None:
        """Fifty guesses at once against a limit of five."""
        with ExitStack() as stack:
            lanes = opened(stack, self.options.url, self.names[1:])
            for threads, (name, lane) in itertools.product((4, 16), lanes.items()):
                races = [lane.race(stage.address(number), threads=threads) for number in range(self.options.races)]
                checked, broken = [each for each, _ in races], sum(each for _, each in races)
                held = "" if name != "recovery" else "met" if max(checked) <= LIMIT else "missed"
                self.raced.append([name, 2 * threads, ", ".join(map(str, checked)), broken, held])


def opened(
    stack: ExitStack, url: str, names: Sequence[str], *, lane_of: dict[str, str] | None = None
) -> dict[str, Lane]:
    """A lane with a new database for each name; ``lane_of`` says what the lane is where its name does not."""
    urls = enumerate(databases(url, names).items(), 1)
    return {
        name: stack.enter_context(Lane((lane_of or {}).get(name, name), of_name, number))
        for number, (name, of_name) in urls
    }


def databases(url: str, names: Sequence[str]) -> dict[str, str]:
    """One for each lane, and empty."""
    if url.startswith("sqlite"):
        folder = tempfile.mkdtemp(dir=Path(url.removeprefix("sqlite:///")).parent)
        return {name: f"sqlite:///{folder}/{name}.sqlite3" for name in names}
    import psycopg

    with psycopg.connect(url.replace("postgres://", "postgresql://", 1), autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP DATABASE IF EXISTS benchmark_login_{name}")
            connection.execute(f"CREATE DATABASE benchmark_login_{name}")
    return {name: f"{url.rpartition('/')[0]}/benchmark_login_{name}" for name in names}


def median_ms(rounds: list[list[float]]) -> float:
    return round(statistics.median(statistics.median(each) for each in rounds) * 1e3, 3)


def show(kind: str, course: Course) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": kind}
    if course.times:
        said |= show_speed(kind, course)
    if course.grown:
        said["growth"] = show_growth(kind, course)
    if course.raced:
        print(f"Fifty guesses at once on {kind}, limit {LIMIT}: passwords compared in each race; requests that broke")
        report.table(["lane", "threads", "compared", "broken", ""], course.raced)
        said["race"] = course.raced
    return said


def show_speed(kind: str, course: Course) -> dict[str, Any]:
    rows: list[list[Any]] = []
    for name, work in itertools.product(course.names, WORKS):
        bare, took = median_ms(course.times["django", work]), median_ms(course.times[name, work])
        count = course.counts[name, work]
        rows.append([name, work, took, round(took - bare, 3), *(len(count["statements"]), count["commits"])])
        rows[-1].append(count["redis"])
    print(f"One sign-in on {kind}: ms, of them added; statements, commits, commands to Redis")
    report.table(["lane", "sign-in", "ms", "added", "sql", "commits", "redis"], rows)
    lines: list[list[Any]] = []
    for peer, work in itertools.product(course.names[2:], WORKS):
        goal: Any = ADDED.get(peer, "")
        shares = _shares(course, peer, work)
        low, share, high = (round(each, 2) for each in statistics.quantiles(shares, n=4, method="inclusive"))
        verdict = "" if goal == "" else "met" if share <= goal else f"missed, {goal / share:.0%} of the goal"
        lines.append([peer, work, share, f"{low} to {high}", goal, verdict])
    print("What ours adds, as a share of what the peer adds: the median of the rounds, and their middle half")
    report.table(["peer", "sign-in", "share", "rounds", "at most", ""], lines)
    statements = {f"{name}, {work}": count["statements"] for (name, work), count in course.counts.items()}
    return {"figures": rows, "lines": lines, "statements": statements}


def show_growth(kind: str, course: Course) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for name in course.names[1:]:
        few, many = (course.grown[name, size] for size in SIZES)
        pairs = zip(few, many, strict=True)
        ratio = round(statistics.median(statistics.median(b) / statistics.median(a) for a, b in pairs), 2)
        verdict = "" if name != "recovery" else "met" if ratio <= GROWN else f"missed, {GROWN / ratio:.0%} of the goal"
        rows.append([name, median_ms(few), median_ms(many), ratio, GROWN if verdict else "", verdict])
    print(f"A bad sign-in on {kind}, in ms, beside so many counters of others; the median of the rounds' own ratios")
    report.table(["lane", *map(str, SIZES), "ratio", "at most", ""], rows)
    return rows


def _shares(course: Course, peer: str, work: str) -> list[float]:
    """Of each round. Where a peer adds next to nothing the share says nothing."""
    times = [course.times[name, work] for name in ("django", "recovery", peer)]
    medians = [[statistics.median(each) for each in three] for three in zip(*times, strict=True)]
    return [(ours - bare) / max(theirs - bare, 1e-6) for bare, ours, theirs in medians]


def main() -> None:
    parser = stage.arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--count", type=int, default=60, help="sign-ins in each round and lane (%(default)s)")
    parser.add_argument("--races", type=int, default=3)
    parser.add_argument("--work", choices=("speed", "growth", "race"), action="append", help="one only (all)")
    parser.add_argument("--peer", choices=LANES[2:], action="append", help="one only (all)")
    options = parser.parse_args()
    stage.needs(*sorted({MODULES[peer] for peer in options.peer or LANES[2:]}))
    if not options.url:
        stage.in_a_process_each("benchmarks.login", options)
        return
    kind = "sqlite" if options.url.startswith("sqlite") else "postgresql"
    course = Course(options)
    for work in options.work or ("speed", "growth", "race"):
        getattr(course, work)()
    report.save(options.out, f"login_{kind}", show(kind, course))


if __name__ == "__main__":
    main()
