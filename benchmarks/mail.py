"""Mail: ours, django-post_office, django-mailer and a Celery task a mail, in turns, each in processes of its own.

``python -m benchmarks.mail``. Four works: mail put in, one commit each; taken out to nothing, where only the way there
counts; taken out to a mail server that needs 50 ms for each; and a trickle of five a second, from before the commit
until the mail server accepts.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import report, stage
from benchmarks.mail_site import tables
from benchmarks.mail_site.server import MailServer
from example_project import servers

SLOW = 0.05  # seconds that the slow mail server needs
KEEPS_OPEN = 0.8  # below this share of a goal, it is not just noise
WARM_UP = 10  # mails of a trickle that are not counted: each process of the worker has had its first
PATIENCE = 120  # seconds


@dataclass(frozen=True, slots=True)
class Lane:
    """Who carries the mail (``mail_site.settings.LANE``), and over how many connections (0: its default)."""

    carrier: str
    threads: int = 0

    @property
    def name(self) -> str:
        return f"{self.carrier}, {self.threads} connections" if self.threads else self.carrier


OURS, POST_OFFICE, MAILER, CELERY = Lane("ours"), Lane("post_office"), Lane("mailer"), Lane("celery")
OURS_16, POST_OFFICE_16 = Lane("ours", 16), Lane("post_office", 16)
OURS_WITHOUT_ID, POST_OFFICE_CELERY = Lane("ours_without_id"), Lane("post_office_celery")
LANES = {
    "enqueue": [OURS, POST_OFFICE, MAILER, CELERY],
    "drain": [OURS, POST_OFFICE, MAILER],
    "slow": [OURS_16, OURS, POST_OFFICE_16, POST_OFFICE, MAILER, CELERY],
    "trickle": [OURS, OURS_WITHOUT_ID, CELERY, POST_OFFICE_CELERY],
}
TITLES = {
    "enqueue": "Mail put in, one commit each",
    "drain": "Mail taken out, to nothing",
    "slow": "Mail taken out, to a mail server that needs 50 ms",
    "trickle": "Five mails a second, from before the commit until the mail server accepts",
}
AT_LEAST = [
    # work, ours, peer: how many times its rate, by database
    ("enqueue", OURS, POST_OFFICE, {"sqlite": 2.5, "postgresql": 1.4}),
    ("enqueue", OURS, MAILER, {}),
    ("enqueue", OURS, CELERY, {}),
    ("drain", OURS, POST_OFFICE, {"sqlite": 1.2, "postgresql": 1.2}),
    ("drain", OURS, MAILER, {}),
    ("slow", OURS_16, POST_OFFICE, {"sqlite": 2.3, "postgresql": 2.3}),
    ("slow", OURS_16, POST_OFFICE_16, {}),
    ("slow", OURS, POST_OFFICE, {}),
    ("slow", OURS_16, CELERY, {"sqlite": 5, "postgresql": 5}),
    ("slow", OURS_16, MAILER, {}),
]
AT_MOST = [
    # ours, peer: how many times its median, by database; most of the second is a connection of each task of its own,
    # which is dear on PostgreSQL alone
    (OURS, CELERY, {"sqlite": 1.5, "postgresql": 1.5}),
    (OURS, POST_OFFICE_CELERY, {"postgresql": 0.6}),
    (OURS_WITHOUT_ID, CELERY, {}),
    (OURS_WITHOUT_ID, POST_OFFICE_CELERY, {}),
]


class Course:
    """All lanes on one database, taking turns."""

    def __init__(self, options: argparse.Namespace, mail_servers: dict[float, MailServer]) -> None:
        self.options, self.servers = options, mail_servers
        self.seconds: dict[tuple[str, Lane], list[float]] = defaultdict(list)  # a mail, of each round
        self.cpu: dict[tuple[str, Lane], list[float]] = defaultdict(list)  # of our process: a busy machine adds nothing
        self.waits: dict[Lane, list[list[float]]] = defaultdict(list)
        self.counts: dict[tuple[str, Lane], tuple[float, float]] = {}  # statements and commits a mail
        self.profiles: dict[str, Any] = {}

    def run(self) -> None:
        for work in self.options.work:
            rounds = self.options.trickles if work == "trickle" else self.options.rounds
            for number in range(work == "trickle", rounds + 1):
                for lane in random.Random(number).sample(LANES[work], len(LANES[work])):
                    self._turn(work, lane, counted=number == 0)

    def profile(self) -> None:
        """Where our own time goes, putting in and taking out."""
        count = self.options.count
        tables.empty()
        self.profiles["enqueue"] = self._child(OURS, "enqueue", count, "--profiled")["profile"]
        self.profiles["drain"] = self._child(OURS, "drain", count, "--profiled")["profile"]

    def _turn(self, work: str, lane: Lane, *, counted: bool) -> None:
        """The first round counts statements, and is not timed."""
        tables.empty()
        if work == "trickle":
            self.waits[lane].append(self._trickle(lane))
            return
        count = self.options.slow_count if work == "slow" else self.options.count
        flags = ["--counted"] if counted else []
        if work == "slow":
            said = self._slow(lane, count, *flags)
        else:
            said = self._child(lane, work, count, *flags)
            assert said["sent"] == (count if work == "drain" else 0), (lane, said["sent"])
        if counted:
            self.counts[work, lane] = (said.get("statements", 0) / (count - 1), said.get("commits", 0) / (count - 1))
        else:
            # The first of them was put in and taken out to warm up.
            self.seconds[work, lane].append(said["seconds"] / (count - 1))
            self.cpu[work, lane].append(said.get("cpu_seconds", 0.0) / (count - 1))

    def _slow(self, lane: Lane, count: int, *flags: str) -> dict[str, float]:
        server = self.servers[SLOW]
        server.accepted.clear()
        if lane.carrier == "celery":
            # From the first mail of a worker that starts beside a full queue.
            self._child(lane, "enqueue", count)
            with servers.celery(self._environment(lane, server), beat=False):
                wait_for(server, count)
            said = {"seconds": (server.accepted[-1][0] - server.accepted[0][0])}
        else:
            said = self._child(lane, "drain", count, *flags, server=server)
        got = len({recipient for _, recipient in server.accepted})
        assert got == len(server.accepted) == count, (lane, got, len(server.accepted))
        return said

    def _trickle(self, lane: Lane) -> list[float]:
        server, count = self.servers[0], self.options.seconds * 5 + WARM_UP
        server.accepted.clear()
        with servers.celery(self._environment(lane, server), beat=False):
            begun = self._child(lane, "trickle", count, server=server)["begun"]
            wait_for(server, count)
        waits = [at - begun[recipient] for at, recipient in server.accepted]
        assert len(waits) == len(begun) == count, (lane, len(waits), count)
        return waits[WARM_UP:]

    def _child(
        self, lane: Lane, work: str, count: int, *flags: str, server: MailServer | None = None
    ) -> dict[str, Any]:
        command = [sys.executable, "-m", "benchmarks.mail_site.lanes", work, "--count", str(count), *flags]
        done = subprocess.run(
            command,
            env={**os.environ, **self._environment(lane, server)},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return said

    def _environment(self, lane: Lane, server: MailServer | None) -> dict[str, str]:
        port = server.port if server else 0
        return {"MAIL_LANE": lane.carrier, "MAIL_PORT": str(port), "MAIL_THREADS": str(lane.threads)}


def wait_for(server: MailServer, count: int) -> None:
    until = time.monotonic() + PATIENCE
    while len(server.accepted) < count:
        assert time.monotonic() < until, f"{len(server.accepted)} of {count} mails came"
        time.sleep(0.02)


def show(kind: str, course: Course) -> dict[str, Any]:
    figures, lines = [], []
    for work in course.options.work:
        rows = rows_of_trickle(course) if work == "trickle" else rows_of(course, work)
        heads = TRICKLE_HEADS if work == "trickle" else HEADS
        print(f"{TITLES[work]}, on {kind}")
        report.table(heads, rows)
        figures += [{"work": work, **dict(zip(heads, row, strict=True))} for row in rows]
    lines = goals(kind, course)
    report.table(GOAL_HEADS, lines)
    for work, dearest in course.profiles.items():
        print(f"Profile of {work}, {course.options.count} mails, on {kind}")
        report.table(list(dearest[0]), [list(row.values()) for row in dearest])
    return {
        "kind": kind,
        "figures": figures,
        "lines": [dict(zip(GOAL_HEADS, line, strict=True)) for line in lines],
        "profiles": course.profiles,
    }


HEADS = ["lane", "per second", "ms a mail", "cpu ms", "sql", "commits"]
GOAL_HEADS = ["work", "ours", "compared with", "ratio", "goal", "met"]
TRICKLE_HEADS = ["lane", "mails", "median ms", "p95 ms", "longest ms"]


def rows_of(course: Course, work: str) -> list[Sequence[Any]]:
    rows = []
    for lane in LANES[work]:
        seconds = statistics.median(course.seconds[work, lane])
        counts = [round(each, 2) for each in course.counts.get((work, lane), ())] or ["", ""]
        cpu = statistics.median(course.cpu[work, lane])
        times = [round(each * 1e3, 3) if each else "" for each in (seconds, cpu)]
        rows.append([lane.name, round(1 / seconds, 1), *times, *counts])
    return rows


def rows_of_trickle(course: Course) -> list[Sequence[Any]]:
    rows = []
    for lane in LANES["trickle"]:
        waits = [wait * 1e3 for each in course.waits[lane] for wait in each]
        shares = [round(value, 1) for value in (statistics.median(waits), report.percentile(waits, 0.95), max(waits))]
        rows.append([lane.name, len(waits), *shares])
    return rows


def goals(kind: str, course: Course) -> list[list[Any]]:
    lines: list[list[Any]] = []
    for work, ours, peer, wanted in AT_LEAST:
        if work in course.options.work:
            a, b = ([[each] for each in course.seconds[work, lane]] for lane in (ours, peer))
            reached, goal = report.ratios(a, b)[0], wanted.get(kind)
            met = verdict(reached / goal) if goal else ""
            lines.append([work, ours.name, peer.name, reached, f">= {goal}" if goal else "", met])
    for ours, peer, wanted in AT_MOST if "trickle" in course.options.work else ():
        reached, most = round(1 / report.ratios(course.waits[ours], course.waits[peer])[1], 2), wanted.get(kind)
        met = verdict(most / reached) if most else ""
        lines.append(["trickle", ours.name, peer.name, reached, f"<= {most}" if most else "", met])
    return lines


def verdict(share: float) -> str:
    """Of a goal, of which that share was reached."""
    return report.verdict(share, 1) + (", keeps open" if share < KEEPS_OPEN else "")


def main() -> None:
    parser = stage.arguments(__doc__)
    parser.add_argument("--work", choices=list(LANES), action="append", help="one work only (all)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=2000, help="mails put in, and taken out to nothing")
    parser.add_argument("--slow-count", type=int, default=300, help="mails for the slow mail server")
    parser.add_argument("--trickles", type=int, default=2, help="rounds of the trickle")
    parser.add_argument("--seconds", type=int, default=40, help="of each trickle")
    parser.add_argument("--profile", action="store_true", help="profile ours instead")
    options = parser.parse_args()
    stage.needs("mailer", "post_office")
    if not options.url:
        stage.in_a_process_each("benchmarks.mail", options)
        return
    options.work = [] if options.profile else options.work or list(LANES)
    kind = stage.set_up(options.url, settings="benchmarks.mail_site.settings")
    tables.fill(max(options.count, options.slow_count, options.seconds * 5 + WARM_UP))
    with MailServer(0) as quick, MailServer(SLOW) as slow:
        course = Course(options, {0: quick, SLOW: slow})
        if options.profile:
            course.profile()
        course.run()
    report.save(options.out, f"mail_{kind}", show(kind, course))


if __name__ == "__main__":
    main()
