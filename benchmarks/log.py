"""What staff open, at ten thousand mails and at a million: the email log with its searches and filters, the dashboard,
the four numbers, a person's diagnosis. Beside post_office's log in the same admin.

``python -m benchmarks.log``. Sizes take turns in every round, and pages an order drawn anew. Each choice that the log's
filters offer is a page of its own; the table shows the slowest of each filter. A page must take at most ``GROWTH``
times as much processor time at a million as at ten thousand, of ours and of the database together, which other work on
the machine disturbs less than the clock; the goals beside the peer are those of a million, by the clock.

Accounts have the indexes that ``recovery.W015`` asks for. What a diagnosis takes without them, as Django's own user
table is, is told first: by the clock either is to take ``DIAGNOSIS`` at most.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import log_pages, log_peer, month, report, stage

GROWTH = 1.3
ROUNDS = 7
SMALL, LARGE = 10_000, 1_000_000
DIAGNOSIS = 0.15  # seconds
INDEXES = {"log_user_name": "UPPER(username)", "log_user_address": "UPPER(email)", "log_user_email": "email"}
CLOCK, CPU = 0, 1
BESIDE = {
    "first page": ("first page", 0.4),
    "search: recipient": ("search by recipient", 0.06),
    "search: nothing found": ("search, nothing found", 0.06),
    "filter by queued: This month": ("date hierarchy, a month", 0.2),
}
"""Which page of the peer's one of ours stands beside, and how much of its time it may take at a million."""

Pages = dict[str, Callable[[], None]]
Taken = dict[str, list[tuple[float, float]]]  # of each page, once a round: seconds by the clock and of processors


def run(kind: str, options: Any) -> None:
    sizes = options.mails or [SMALL, LARGE]
    for mails in sizes:
        prepare(mails)
    if options.only_fill:
        return
    pages = {mails: _at(mails, all_pages) for mails in sizes}
    stock = show_stock(kind, {mails: _diagnosis_of(pages[mails]) for mails in sizes}, options.rounds)
    for mails in sizes:
        _at(mails, _make_indexes)
    statements = {mails: _at(mails, partial(_statements_of, pages[mails])) for mails in sizes}
    print("opened each once", flush=True)
    taken = measure(pages, options.rounds)
    show(kind, taken, statements)
    told = {
        mails: {
            name: {"ms": _ms(each), "cpu_ms": _ms(each, CPU), "statements": statements[mails][name]}
            for name, each in taken[mails].items()
        }
        for mails in sizes
    }
    told_of = {"kind": kind, "goals": BESIDE, "growth": GROWTH, "mails": told, "without_indexes": stock}
    report.save(options.out, f"log_{kind}", told_of)


def prepare(mails: int) -> None:
    """The month of that many mails, with the figures of it; made the first time."""
    from django.contrib.auth.models import User
    from django.utils import timezone

    stage.populate(0, name=f"log_{mails}")
    if User.objects.filter(username="operator").exists():
        return
    begun = time.perf_counter()
    month.fill(mails, ends_at=timezone.now(), people=mails // 5)
    log_peer.fill(mails)
    _roll_up()
    User.objects.create_superuser("operator")
    print(f"{mails:,} mails made in {time.perf_counter() - begun:.0f} s", flush=True)


def _roll_up() -> None:
    from recovery import rollup

    left = True
    while left:
        rolled = rollup.roll_up(seconds=60)
        assert rolled is not None
        left = rolled.left


def all_pages() -> Pages:
    return {**log_pages.found(), **{f"peer: {name}": page for name, page in log_peer.pages().items()}}


def show_stock(kind: str, pages: dict[int, Pages], rounds: int) -> dict[str, Any]:
    """What a diagnosis takes where accounts have the indexes of Django's own table alone."""
    for mails in pages:
        _at(mails, _drop_indexes)
    taken = measure(pages, rounds)
    large = max(taken)
    told = {name: {"ms": _ms(each), "cpu_ms": _ms(each, CPU)} for name, each in taken[large].items()}
    print(f"\n{kind}: a diagnosis at {large:,} mails, accounts with the indexes of Django's own table alone")
    rows = [[name, each["ms"], each["cpu_ms"], _in_time(each["ms"])] for name, each in told.items()]
    report.table(["page", "ms", "cpu", ""], rows)
    return told


def _diagnosis_of(pages: Pages) -> Pages:
    return {name: page for name, page in pages.items() if _is_diagnosis(name)}


def _is_diagnosis(name: str) -> bool:
    return name.startswith("diagnosis")


def _in_time(ms: float) -> str:
    return f"{report.verdict(DIAGNOSIS * 1e3 / ms, 1.0)} ({DIAGNOSIS * 1e3:g} ms)"


def _make_indexes() -> None:
    for name, indexed in INDEXES.items():
        _execute(f"CREATE INDEX IF NOT EXISTS {name} ON auth_user ({indexed})")
    _execute("ANALYZE auth_user")


def _drop_indexes() -> None:
    for name in INDEXES:
        _execute(f"DROP INDEX IF EXISTS {name}")


def _execute(sql: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)


def measure(pages: dict[int, Pages], rounds: int) -> dict[int, Taken]:
    """Each page once a round; the first request of a turn is not counted."""
    dice = random.Random(1)
    taken: dict[int, Taken] = {mails: {name: [] for name in each} for mails, each in pages.items()}
    for _ in range(rounds):
        for mails in dice.sample(list(pages), len(pages)):
            _at(mails, next(iter(pages[mails].values())))
            print(".", end="", flush=True)
            for name in dice.sample(list(pages[mails]), len(pages[mails])):
                begun, work = time.perf_counter(), stage.processor_seconds()
                pages[mails][name]()
                spent = (time.perf_counter() - begun, stage.processor_seconds() - work)
                taken[mails][name].append(spent)
    return taken


def _at(mails: int, work: Callable[[], Any]) -> Any:
    stage.turn_to(f"log_{mails}")
    return work()


def _statements_of(pages: Pages) -> dict[str, int]:
    return {name: _statements(page) for name, page in pages.items()}


def _statements(page: Callable[[], None]) -> int:
    from django.db import connection

    told: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        told.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        page()
    return len(told)


def _ms(taken: list[tuple[float, float]], which: int = CLOCK) -> float:
    return round(statistics.median(each[which] for each in taken) * 1e3, 1)


def show(kind: str, taken: dict[int, Taken], statements: dict[int, dict[str, int]]) -> None:
    small, large = min(taken), max(taken)
    rows = []
    for name in _slowest_of_each(taken[large]):
        rows.append([name, *(_ms(taken[m][name], w) for w in (CLOCK, CPU) for m in (small, large))])
        growth = _ratio(taken[large][name], taken[small][name], CPU)
        rows[-1] += [statements[large][name], growth]
        rows[-1] += ["" if name.startswith("peer") else report.verdict(GROWTH / growth, 1.0)]
        if name in BESIDE:
            peer, goal = BESIDE[name]
            share = _ratio(taken[large][name], taken[large][f"peer: {peer}"], CLOCK)
            rows[-1] += [share, f"{report.verdict(goal / share, 1.0)} ({goal:g})"]
        else:
            rows[-1] += ["", _in_time(_ms(taken[large][name])) if _is_diagnosis(name) else ""]
    print(f"\n{kind}: ms by the clock and of processors at {small:,} and at {large:,} mails; the peer at {large:,}")
    heads = ["page", "ms small", "ms large", "cpu small", "cpu large", "statements", "growth", "", "of peer", ""]
    report.table(heads, rows)


def _slowest_of_each(taken: Taken) -> Iterator[str]:
    """All pages but the quicker choices of each filter."""
    slowest: dict[str, str] = {}
    for name, seconds in taken.items():
        kept = name if name in BESIDE or not name.startswith("filter ") else name.partition(":")[0]
        if kept not in slowest or _ms(seconds, CPU) > _ms(taken[slowest[kept]], CPU):
            slowest[kept] = name
    yield from slowest.values()


def _ratio(ours: list[tuple[float, float]], theirs: list[tuple[float, float]], which: int) -> float:
    """The median of the rounds' own ratios, since the machine drifts."""
    return round(statistics.median(a[which] / b[which] for a, b in zip(ours, theirs, strict=True)), 3)


def main() -> None:
    parser = stage.arguments(__doc__)
    parser.add_argument("--mails", type=int, action="append", help="sizes of the month (10000 and 1000000)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each page is opened (%(default)s)")
    parser.add_argument("--keep", type=Path, help="folder in which databases stay, to be measured again as they are")
    parser.add_argument("--only-fill", action="store_true", help="make the databases of --keep and measure nothing")
    options = parser.parse_args()
    stage.needs("post_office")
    if options.url:
        run(stage.set_up(options.url, settings="benchmarks.log_site"), options)
    else:
        stage.in_a_process_each("benchmarks.log", options)


if __name__ == "__main__":
    main()
