"""The sealed trail: whether damage of every kind is found, whether many writers break the chain, and what it costs.

    python -m benchmarks.trail --part damage --rows 100000 --trials 100
    python -m benchmarks.trail --part writers --writers 50 --events 1000
    python -m benchmarks.trail --part cost

``damage``: each kind is done to a trail of so many rows, without triggers, as often as asked for; the whole chain is
then verified, with the anchor of before, and must name the first position. ``writers``: processes that write events,
beside two that seal without a pause. ``cost``: what an ask for recovery takes while nobody seals and while one process
seals all the time, interleaved.
"""

import os
import random
import time
from datetime import timedelta
from typing import Any

from benchmarks import report, stage

PARTS = ("damage", "writers", "cost")


def main() -> None:
    parser = stage.arguments(__doc__)
    parser.add_argument("--part", choices=PARTS, action="append", help="one part only (all)")
    parser.add_argument("--rows", type=int, default=100_000, help="of the trail that is damaged (%(default)s)")
    parser.add_argument("--trials", type=int, default=100, help="of each kind (%(default)s)")
    parser.add_argument("--kind", action="append", help="of damage, one only (all)")
    parser.add_argument("--writers", type=int, default=50)
    parser.add_argument("--events", type=int, default=1000, help="of each writer (%(default)s)")
    options = parser.parse_args()
    if not options.url:
        stage.in_a_process_each("benchmarks.trail", options)
        return
    kind = stage.set_up(options.url)
    measures = {"damage": damage, "writers": writers, "cost": cost}
    for part in options.part or PARTS:
        stage.populate(10, name=f"trail_{part}")
        rows = measures[part](kind, options)
        report.table(list(rows[0]), [list(row.values()) for row in rows])
        named = "_".join([part, kind, *(options.kind or ())])
        report.save(options.out, f"trail_{named}", {"runs": rows})


def damage(kind: str, options: Any) -> list[dict[str, Any]]:
    """Each trial in a transaction that is rolled back, so that the next one finds a true trail."""

    from django.db import transaction

    from recovery import audit
    from tests.trail.written import AT, DAMAGES, anchor, rows

    began = time.perf_counter()
    trail = [row.pk for row in rows(options.rows, at=AT, step=timedelta(minutes=2))]
    written = time.perf_counter()
    while audit.seal(far=True):
        pass
    sealed, known, told = time.perf_counter(), anchor(), []
    assert audit.verify(anchors=known).is_sound
    verified = time.perf_counter()
    print(
        f"{kind}: {options.rows} rows written in {written - began:.1f} s, sealed in {sealed - written:.1f} s, "
        f"verified in {verified - sealed:.1f} s",
        flush=True,
    )
    for word, do in DAMAGES.items():
        if options.kind and word.value not in options.kind:
            continue
        found = named = 0
        began = time.perf_counter()
        for seed in range(options.trials):
            with transaction.atomic():
                position = do(random.Random(seed), trail)
                said = audit.verify(anchors=known).found
                transaction.set_rollback(True)
            found += bool(said)
            named += bool(said) and (said[0].position, said[0].damage) == (position, word)
        took = (time.perf_counter() - began) / options.trials
        told.append(
            {"database": kind, "damage": word.value, "trials": options.trials, "found": found,
             "position and kind named": named, "s each": round(took, 2)}
        )  # fmt: skip
        print(told[-1], flush=True)
    return told


def writers(kind: str, options: Any) -> list[dict[str, Any]]:
    from recovery import audit
    from recovery.models import AuditEvent, AuditSeal
    from recovery.reasons import Action

    def write() -> None:
        for number in range(options.events):
            audit.record(Action.LINK_REVOKED, user_key=str(number))

    def seal() -> None:
        while True:
            audit.seal(seconds=1)
            time.sleep(0.2)

    sealers = [_process(seal) for _ in range(2)]
    began = time.perf_counter()
    children = [_process(write) for _ in range(options.writers)]
    ends = [os.waitpid(child, 0)[1] for child in children]
    took = time.perf_counter() - began
    for child in sealers:
        os.kill(child, 9)
        os.waitpid(child, 0)
    audit.seal(far=True, seconds=600)
    wanted = options.writers * options.events
    keys = [key for each in AuditSeal.objects.order_by("number") for key in each.row_keys()]
    told = audit.verify()
    return [
        {
            "database": kind,
            "writers": options.writers,
            "events": wanted,
            "writers that failed": sum(bool(end) for end in ends),
            "rows": AuditEvent.objects.count(),
            "sealed once": len(set(keys)) if len(keys) == len(set(keys)) else -1,
            "seals": told.seals,
            "things that do not fit": len(told.found),
            "events/s": round(wanted / took),
        }
    ]


def cost(kind: str, options: Any) -> list[dict[str, Any]]:
    from recovery import audit, bell, intake
    from recovery.conf import conf
    from recovery.origin import Origin

    def seal() -> None:
        while True:
            audit.seal(seconds=1)
            time.sleep(0.5)

    conf.given()["REQUEST_LIMITS"] = {"source": (10**9, conf.REQUEST_LIMITS["source"][1])}  # type: ignore[index]
    bell.ring = lambda *args, **more: None  # type: ignore[assignment]
    rounds: dict[str, list[list[float]]] = {"nobody seals": [], "a process seals": []}
    for number in range(10):
        for name, taken in rounds.items():
            sealer = _process(seal) if name != "nobody seals" else 0
            taken.append(_asked(intake, Origin, number))
            if sealer:
                os.kill(sealer, 9)
                os.waitpid(sealer, 0)
    _of_rates, of_medians = report.ratios(rounds["a process seals"], rounds["nobody seals"])
    return [
        {"database": kind, "while": name, **report.summary(taken),
         "ratio of medians": of_medians if name != "nobody seals" else 1.0}
        for name, taken in rounds.items()
    ]  # fmt: skip


def _asked(intake: Any, origin: Any, number: int) -> list[float]:
    taken = []
    for ask in range(300):
        began = time.perf_counter()
        intake.ask(f"reader{number}-{ask}@example.com", origin=origin(ip="192.0.2.1"))
        taken.append(time.perf_counter() - began)
    return taken


def _process(work: Any) -> int:
    from django.db import connections

    connections.close_all()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


if __name__ == "__main__":
    main()
