"""A forced rotation of everybody: how long it takes to list them, to end their access and mail them, and to count where
they are; with workers that are killed on the way. Nobody may be skipped or mailed twice.

    python -m benchmarks.rotations --users 10000

Of ten users, one is inactive and one has no password, so eight are mailed. The pace is taken off, for what is measured
is the work; on a live site the pace is what takes the time. ``--pace 6000`` holds it to so many a minute.
"""

import os
import signal
import time
from typing import Any

from benchmarks import report, stage

KILLS = 3
UNPACED = 10**9


def main() -> None:
    parser = stage.arguments(__doc__)
    parser.add_argument("--kills", type=int, default=KILLS, help="workers killed on the way (%(default)s)")
    parser.add_argument("--pace", type=int, default=UNPACED, help="people a minute (as many as it can)")
    options = parser.parse_args()
    if not options.url:
        stage.in_a_process_each("benchmarks.rotations", options)
        return
    kind, rows = stage.set_up(options.url), []
    for users in options.users or [10_000]:
        stage.populate(users)
        rows.append({"database": kind, "users": users, **run(users, options.kills, options.pace)})
    report.table(list(rows[0]), [list(row.values()) for row in rows])
    report.save(options.out, f"rotations_{kind}", {"runs": rows})


def run(users: int, kills: int, pace: int) -> dict[str, Any]:
    from django.contrib.auth.models import User
    from django.db import connection
    from django.db.models.functions import Now

    from recovery import resets, sweep
    from recovery.conf import conf
    from recovery.models import Email, ResetRequest, Rotation, RotationMember

    conf.given()["ROTATION_PACE"] = pace  # type: ignore[index]
    began = time.perf_counter()
    rotation = resets.force_rotation(User.objects.all(), reason="a benchmark")
    started = time.perf_counter()
    listed, worked = started - began, 0.0
    for number in range(kills):
        worked += killed(after=users * (number + 1) // (kills + 2))
        RotationMember.objects.update(next_try_at=Now())
        ResetRequest.objects.update(next_try_at=Now())
        Email.objects.filter(state="sending").update(lease_until=Now())
    began = time.perf_counter()
    while Rotation.objects.unfinished().exists() or sweep.sweep().left:
        sweep.sweep()
        time.sleep(0 if pace == UNPACED else 0.2)
    worked += time.perf_counter() - began
    passed = time.perf_counter() - started
    began = time.perf_counter()
    counts = rotation.members.counts()
    counted = time.perf_counter() - began
    assert sum(counts.values()) == users, counts
    mailed = list(Email.objects.filter(kind="forced_reset").values_list("recipient", flat=True))
    assert len(mailed) == len(set(mailed)) == counts["told", ""], "nobody twice"
    assert not [user for user in User.objects.all() if user.has_usable_password()], "nobody skipped"
    connection.close()
    assert users <= pace / 60 * (passed + 20), "no faster than its pace, which saves up twenty seconds"
    return {
        "killed": kills,
        "list s": round(listed, 2),
        "work s": round(worked, 1),
        "a second": round(users / worked),
        "funnel ms": round(counted * 1e3),
        "mailed": len(mailed),
    }


def killed(*, after: int) -> float:
    """Seconds of work of a worker process that dies once so many accounts have lost their access."""
    from django.db import connections

    from recovery import sweep
    from recovery.models import RotationMember

    connections.close_all()
    child = os.fork()
    if child == 0:
        try:
            while True:
                sweep.sweep()
        finally:
            os._exit(1)
    began = time.perf_counter()
    while RotationMember.objects.exclude(rotated_at=None).count() < after:
        time.sleep(0.02)
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "the worker ended by itself"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
