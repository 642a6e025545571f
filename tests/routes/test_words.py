"""The page about routes says what the code does."""

import re
from pathlib import Path

from recovery.reasons import TryOutcome
from recovery.routes import PATIENCE, answers, circuits, configured, sending
from recovery.shapes import ROUTE_KEYS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "routes.md").read_text()


def rows_under(heading: str) -> list[str]:
    """Every word in code type in the first column below a heading."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [
        word for cell in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for word in re.findall(r"`(\w+)`", cell)
    ]


def test_every_key_of_a_route_is_explained_and_no_other() -> None:
    assert set(rows_under("Setting up")) == set(ROUTE_KEYS)


def test_every_outcome_is_explained_and_no_other() -> None:
    assert rows_under("What an answer means") == list(TryOutcome)


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"longer than {PATIENCE} seconds" in PAGE
    assert f"took {sending.LAST_MOMENT} seconds" in PAGE
    assert f"at once, for each worker process: {configured.CONNECTIONS} without it" in PAGE
    assert (circuits.FAILURES_TO_OPEN, circuits.PROBES_TO_CLOSE) == (3, 3)
    assert (circuits.FIRST_PAUSE, circuits.LONGEST_PAUSE, circuits.SLOW) == (5, 60, 10)
    assert (answers.PAUSE.total_seconds(), answers.LONGEST_PAUSE.total_seconds()) == (30, 15 * 60)
