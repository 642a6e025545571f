"""The long run of the crash harness: hundreds of kills, deploys, wipes and crashes; what was lost, doubled, and late.

    python -m benchmarks.crashes                      # everything, well over an hour
    python -m benchmarks.crashes kills --times 50     # one part of it, shorter

Each part runs in a process of its own, on databases and brokers of its own; ``tests/crashes`` has the harness.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import report, stage
from example_project import servers

POINTS = ("claimed", "before_request", "accepted_unread", "read_uncommitted", "committed")
AMBIGUOUS = ("accepted_unread", "read_uncommitted")
BOTH = ("sqlite", "postgresql")

Run = tuple[str, str, dict[str, Any]]


def parts(times: int | None, kinds: list[str]) -> dict[str, list[Run]]:
    """What each part runs: scenario, database, options."""

    def given(usual: int) -> int:
        return times or usual

    kills = [("plain", point, given(200)) for point in POINTS]
    kills += [(kind, point, given(50)) for kind in ("keyed", "askable") for point in AMBIGUOUS]
    found: dict[str, list[Run]] = {
        "kills": [
            ("kills", database, {"kind": kind, "point": point, "times": number})
            for database in BOTH
            for kind, point, number in kills
        ],
        "deploys": [("deploys", database, {"times": given(200)}) for database in BOTH],
        "wipes": [("wipes", database, {"times": given(20)}) for database in BOTH],
        "database": [("database_crashes", "postgresql", {"crashes": given(20)})],
        "hang": [("hang", database, {"asks": given(500)}) for database in BOTH],
        "overtake": [("overtake", database, {"notices": given(50_000)}) for database in BOTH],
        "contention": [("contention", "sqlite", {"writers": 20, "seconds": given(60)})],
        "soak": [("soak", database, {"kind": "askable", "seconds": given(600)}) for database in BOTH],
    }
    return {part: [run for run in runs if run[1] in kinds] for part, runs in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("part", nargs="*", help="parts to run: kills, deploys, wipes, database, hang, overtake, …")
    parser.add_argument("--times", type=int, help="kills, deploys, wipes, crashes, asks, notices or seconds")
    parser.add_argument("--database", choices=BOTH, action="append", help="one kind only (both)")
    parser.add_argument("--out", type=Path, default=stage.OUT, help="folder for the JSON files (%(default)s)")
    options = parser.parse_args()
    chosen = parts(options.times, options.database or list(BOTH))
    if unknown := set(options.part) - chosen.keys():
        parser.error(f"There is no {', '.join(sorted(unknown))}, but: {', '.join(chosen)}")
    with servers.stopping_at_signals():
        for part in options.part or chosen:
            found = [tell(run) for run in chosen[part]]
            save(options.out, part, found)


def tell(run: Run) -> dict[str, Any]:
    scenario, database, options = run
    print(f"{scenario} on {database}: {' '.join(f'{name}={value}' for name, value in options.items())}", flush=True)
    came = driven(scenario, database, options)
    print(f"  {json.dumps(came)}\n", flush=True)
    return {"scenario": scenario, "database": database, "options": options, **came}


def driven(scenario: str, database: str, options: dict[str, Any]) -> dict[str, Any]:
    """What came of a run; ``failed`` where it did not come to its end."""
    command = [sys.executable, "-m", "tests.crashes.driver", scenario, database]
    with tempfile.TemporaryFile("w+") as log:
        ended = subprocess.run(
            [*command, *(f"{name}={value}" for name, value in options.items())],
            env={name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            check=False,
        )
        log.seek(0)
        if ended.returncode:
            return {"failed": log.read().splitlines()[-5:]}
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def save(folder: Path, part: str, found: list[dict[str, Any]]) -> None:
    lost = sum(each.get("lost", 0) for each in found)
    print(f"{part}: {lost} lost, {sum('failed' in each for each in found)} runs failed", flush=True)
    report.save(folder, f"crashes_{part}", {"runs": found})


if __name__ == "__main__":
    main()
