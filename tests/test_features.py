"""docs/features.md has a line for each promise, in order, and the tests that it names are there."""

import re
from pathlib import Path

import pytest

from recovery.reasons import Cause
from tests import named

DOCS = Path(__file__).resolve().parent.parent / "docs"
TOLD = (DOCS / "features.md").read_text()
PROMISES = [
    *(f"M{number}" for number in range(1, 11)),
    *(f"S{number}" for number in range(1, 9)),
    *(f"L{number}" for number in range(1, 8)),
    *(f"X{number}" for number in range(1, 10)),
]
LINES = {line[0]: line[1:] for line in re.findall(r"^\| ([A-Z]\d+) \| (.+?) \| (.+?) \| (.+?) \|$", TOLD, re.MULTILINE)}


def test_every_promise_has_its_line_in_their_order() -> None:
    assert list(LINES) == PROMISES


@pytest.mark.parametrize("promise", PROMISES)
def test_it_says_where_to_see_it_and_names_tests_that_there_are(promise: str) -> None:
    _, where, shown = LINES[promise]
    assert where.strip()
    assert named.NODE.search(shown)
    assert named.missing(shown) == []


def test_causes_that_it_names_are_words_of_the_diagnosis() -> None:
    named_causes = re.findall(r"diagnosis: `(\w+)`", TOLD)
    assert named_causes
    assert set(named_causes) <= set(Cause.values)


@pytest.mark.parametrize("page", ["features.md", "compliance.md", "django_views.md"])
def test_the_pages_that_it_leads_to_are_there(page: str) -> None:
    leads_to = re.findall(r"\]\(([\w]+\.md)\)", (DOCS / page).read_text())
    assert leads_to
    assert [name for name in leads_to if not (DOCS / name).is_file()] == []
