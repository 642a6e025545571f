"""Half of the log purged, beside post_office's clean-up of as many mails, while people go on asking.

``python -m benchmarks.purge``. Each database holds a month of mail, and as many mails of the peer; what is older than
half a month goes. Ours goes with its events, bounces and objections, is looked at for whether it may still leave, and
writes the trail; the peer's goes with its log. Another process asks for recovery all the time, before and while either
purges: what it waits for tells whether anybody is held up. No statement and no COMMIT of ours may take longer than
``LONGEST``, nor 99 of 100 asks meanwhile.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import log_peer, month, report, stage

MAILS = 1_000_000
HALF = timedelta(days=month.DAYS / 2)
LONGEST = 0.1  # seconds
GOALS = {"sqlite": 4.0, "postgresql": 2.0}
QUIET = 5.0  # seconds of asking with nothing beside it
PAUSE = 0.02  # seconds between two asks


def run(kind: str, options: Any) -> None:
    from django.conf import settings
    from django.utils import timezone

    mails, name = options.mails, f"purge_{options.mails}"
    stage.populate(0, name=name)
    month.fill(mails, ends_at=timezone.now(), people=mails // 5)
    log_peer.fill(mails)
    os.sync()  # nobody below waits for what was written so far
    print(f"{kind}: {mails:,} mails of ours, and as many of the peer's", flush=True)
    kept = {"emails": HALF, **dict.fromkeys(("links", "raw_events", "requests", "roll_ups", "audit"))}
    settings.RECOVERY = {**settings.RECOVERY, "RETENTION": kept}
    with asking(options.url) as waits:
        time.sleep(QUIET)
        told = {"quiet": {"waits": waits()}}
        for lane, purge in (("ours", ours), ("post_office", peers)):
            told[lane] = timed(purge) | {"waits": waits()}
    show(kind, told)
    report.save(options.out, f"purge_{kind}", {"kind": kind, "mails": mails, "longest": LONGEST, **told})


def ours() -> int:
    from recovery import retention

    return retention.purge().emails


def peers() -> int:
    from django.utils import timezone
    from post_office.utils import cleanup_expired_mails

    return int(cleanup_expired_mails(timezone.now() - HALF, batch_size=1000)[0])


def timed(purge: Callable[[], int]) -> dict[str, Any]:
    """How many rows went, in how many seconds, by how many statements, and how long the longest of them took. A COMMIT
    is one, too: there PostgreSQL looks for whoever still points to what went, and SQLite writes its log back."""
    from django.db import connection

    taken: list[tuple[float, str]] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        begun = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            taken.append((time.perf_counter() - begun, sql[:160]))

    commit: Callable[[], None] = connection._commit

    def commit_timed() -> None:
        begun = time.perf_counter()
        commit()
        taken.append((time.perf_counter() - begun, "COMMIT"))

    connection._commit = commit_timed
    begun = time.perf_counter()
    with connection.execute_wrapper(watch):
        gone = purge()
    connection._commit = commit
    seconds = time.perf_counter() - begun
    longest, which = max(taken)
    return {
        "gone": gone,
        "seconds": round(seconds, 3),
        "statements": len(taken),
        "longest_ms": round(longest * 1e3, 1),
        "longest": which,
    }


@contextmanager
def asking(url: str) -> Iterator[Callable[[], dict[str, float]]]:
    """Another process asks for recovery all the time; yields what tells how long each ask took since last told."""
    from django.db import connection

    command = [sys.executable, "-m", "benchmarks.purge", "--asks", str(connection.settings_dict["NAME"]), "--url", url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asker:
        assert asker.stdin
        assert asker.stdout
        asker.stdout.readline()  # it has begun

        def waits() -> dict[str, float]:
            print("", file=asker.stdin, flush=True)
            assert asker.stdout
            taken: list[float] = json.loads(asker.stdout.readline())
            return {
                "asks": len(taken),
                "median_ms": round(report.percentile(taken, 0.5) * 1e3, 2),
                "p99_ms": round(report.percentile(taken, 0.99) * 1e3, 2),
                "longest_ms": round(max(taken) * 1e3, 2),
            }

        try:
            yield waits
        finally:
            asker.stdin.close()


def ask_all_the_time(database: str) -> None:
    """A line on standard input is answered with the seconds that each ask took since the last; its end ends us."""
    import select

    from django.db import connection

    from recovery import intake
    from recovery.origin import Origin

    connection.settings_dict["NAME"] = database
    taken: list[float] = []
    print("", flush=True)
    number = 0
    while True:
        if select.select([sys.stdin], [], [], PAUSE)[0]:
            if not sys.stdin.readline():
                return
            print(json.dumps(taken), flush=True)
            taken = []
        number += 1
        begun = time.perf_counter()
        intake.ask(f"nobody{number}@members.example", origin=Origin(ip=f"10.1.{number >> 8 & 255}.{number & 255}"))
        taken.append(time.perf_counter() - begun)


def show(kind: str, told: dict[str, Any]) -> None:
    ours, peer, quiet = told["ours"], told["post_office"], told["quiet"]["waits"]
    rows: list[list[Any]] = [["nobody", "", "", "", "", *quiet.values()]]
    rows += [
        [lane, each["gone"], each["seconds"], each["statements"], each["longest_ms"], *each["waits"].values()]
        for lane, each in (("ours", ours), ("post_office", peer))
    ]
    print(f"\n{kind}: what goes, and how long whoever asks meanwhile waits")
    heads = ["purged by", "rows", "seconds", "statements", "longest ms", "asks", "median ms", "p99 ms", "longest ms"]
    report.table(heads, rows)
    ratio = round(peer["seconds"] / ours["seconds"] * ours["gone"] / max(1, peer["gone"]), 2)
    print(f"{ratio} times the peer's pace: {report.verdict(ratio, GOALS[kind])} ({GOALS[kind]:g})")
    for what, took in (("longest statement", ours["longest_ms"]), ("99 of 100 asks", ours["waits"]["p99_ms"])):
        print(
            f"{what} {took} ms: {report.verdict(LONGEST * 1e3 / max(took, 0.1), 1.0)} ({LONGEST * 1e3:g})", flush=True
        )


def main() -> None:
    parser = stage.arguments(__doc__)
    parser.add_argument("--mails", type=int, default=MAILS, help="how many there are; half of them go (%(default)s)")
    parser.add_argument("--keep", type=Path, help="folder in which SQLite's databases stay")
    parser.add_argument("--asks", help="for the process that asks: in which database")
    options = parser.parse_args()
    stage.needs("post_office")
    if not options.url:
        stage.in_a_process_each("benchmarks.purge", options)
        return
    kind = stage.set_up(options.url, settings="benchmarks.log_site")
    if options.asks:
        ask_all_the_time(options.asks)
    else:
        run(kind, options)


if __name__ == "__main__":
    main()
