"""The dashboard and the lists behind its numbers, at a month of mail; and what rolling that month up costs.

``python -m benchmarks.figures``. The same month at each size: with a hundred times as much mail, a page of figures must
take as long as before.
"""

import re
import statistics
import time
from collections.abc import Callable
from html import unescape
from typing import Any

from benchmarks import month, report, stage

PAGES = {
    "24 hours": "",
    "7 days": "?window=7d",
    "30 days": "?window=30d",
    "30 days, one domain": "?window=30d&domain=d3.example",
    "30 days, one route": "?window=30d&route=main",
}
GOAL_MS = 150.0
ROUNDS = 15
DASHBOARD = "/admin/recovery/rollup/"


def run(kind: str, options: Any) -> None:
    from django.utils import timezone

    found: dict[int, dict[str, Any]] = {}
    for mails in options.mails or [10_000, 1_000_000]:
        stage.populate(0, name=f"figures_{mails}")
        begun = time.perf_counter()
        month.fill(mails, ends_at=timezone.now())
        found[mails] = {"filled in s": round(time.perf_counter() - begun, 1), **rolled_up(), "pages": pages()}
        show(kind, mails, found[mails])
    report.save(options.out, f"figures_{kind}", {"kind": kind, "mails": found, "goal_ms": GOAL_MS})


def rolled_up() -> dict[str, Any]:
    """The whole month for the first time, then what a run costs each minute."""
    from recovery import rollup
    from recovery.models import RollUp

    begun, hours, left = time.perf_counter(), 0, True
    while left:
        rolled = rollup.roll_up()
        assert rolled is not None
        hours, left = hours + rolled.hours, rolled.left
    first = time.perf_counter() - begun
    again = _median(rollup.roll_up, rounds=5)
    return {"hours": hours, "rolled up in s": round(first, 1), "a run in ms": again, "rows": RollUp.objects.count()}


def pages() -> dict[str, dict[str, float]]:
    """The dashboard in several windows, and each list that a number of the month opens."""
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.create_superuser("operator"))
    told = {name: _page(client, f"{DASHBOARD}{query}") for name, query in PAGES.items()}
    body = client.get(f"{DASHBOARD}?window=30d").content.decode()
    behind = re.findall(r'href="(/admin/recovery/\w+/\?counted=(\w+)&[^"]*)"', unescape(body))
    for url, figure in {figure: url for url, figure in reversed(behind)}.items():
        told[f"rows: {url}"] = _page(client, figure)
    return told


def _page(client: Any, url: str) -> dict[str, float]:
    from django.db import connection

    told: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        told.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        assert client.get(url).status_code == 200, url
    return {"ms": _median(lambda: client.get(url)), "statements": len(told)}


def _median(work: Callable[[], Any], *, rounds: int = ROUNDS) -> float:
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return round(statistics.median(taken) * 1e3, 1)


def show(kind: str, mails: int, found: dict[str, Any]) -> None:
    print(f"{mails:,} mails of a month on {kind}: " + ", ".join(f"{k} {v}" for k, v in found.items() if k != "pages"))
    rows = [
        [name, told["ms"], told["statements"], report.verdict(GOAL_MS / told["ms"], 1.0)]
        for name, told in found["pages"].items()
    ]
    report.table(["page", "ms", "statements", f"goal {GOAL_MS:g} ms"], rows)


def main() -> None:
    parser = stage.arguments(__doc__)
    parser.add_argument("--mails", type=int, action="append", help="sizes of the month (10000 and 1000000)")
    options = parser.parse_args()
    if options.url:
        run(stage.set_up(options.url, settings="benchmarks.log_site"), options)
    else:
        stage.in_a_process_each("benchmarks.figures", options)


if __name__ == "__main__":
    main()
