"""Tables for people, JSON for machines, and what the machine was."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def summary(rounds: Sequence[Sequence[float]]) -> dict[str, float]:
    """Medians over the rounds of each round's rate, median and 95th percentile."""
    return {
        "per_second": round(statistics.median(len(each) / sum(each) for each in rounds), 1),
        "median_ms": round(statistics.median(statistics.median(each) for each in rounds) * 1e3, 3),
        "p95_ms": round(statistics.median(percentile(each, 0.95) for each in rounds) * 1e3, 3),
    }


def ratios(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> tuple[float, float]:
    """How many times their rate we reach: the median of the rounds' own ratios, since the machine drifts.

    Once of rates, which the goals speak of; once of medians, which a busy machine disturbs less.
    """
    of_rates, of_medians = (
        round(statistics.median(middle(b) / middle(a) for a, b in zip(ours, theirs, strict=True)), 2)
        for middle in (statistics.mean, statistics.median)
    )
    return of_rates, of_medians


def verdict(reached: float, goal: float) -> str:
    return "met" if reached >= goal else f"missed, {reached / goal:.0%} of the goal"


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print columns; words to the left, numbers to the right."""
    cells = [[str(cell) for cell in row] for row in [heads, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for row, given in zip(cells, [heads, *rows], strict=True):
        parts = [
            text.rjust(width) if isinstance(value, int | float) else text.ljust(width)
            for text, width, value in zip(row, widths, given, strict=True)
        ]
        print("  ".join(parts).rstrip())
    print(flush=True)


def save(folder: Path, name: str, content: dict[str, Any]) -> None:
    """Write ``<name>.json`` with the figures, the time and the machine."""
    import django

    folder.mkdir(parents=True, exist_ok=True)
    facts = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "django": django.get_version(),
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**facts, **content}, indent=1, default=str) + "\n")
    print(f"Written to {path}\n", flush=True)
