"""docs/compliance.md names words of the trail and tests that there are, for each control that it lists."""

import re
from pathlib import Path

import pytest

from recovery.reasons import Action
from tests import named

TOLD = (Path(__file__).resolve().parent.parent / "docs" / "compliance.md").read_text()
ROWS = re.findall(r"^\| ([\w.()]+) \| (.+?) \| (.*?) \| (.*?) \|$", TOLD, re.MULTILINE)
CONTROLS = [row for row in ROWS if row[0] != "control"]
FAMILIES = {
    "SOC 2": ("CC6.", "CC7."),
    "ISO/IEC 27001:2022": ("A.5.", "A.8."),
    "HIPAA security rule": ("164.308", "164.312"),
    "NIST SP 800-63B-4": ("3.", "4."),
    "OWASP ASVS 5.0": ("6.", "16."),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_of_controls_has_its_lines(family: str) -> None:
    section = re.split(r"^## ", TOLD.split(f"## {family}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"^\| ([\w.()]+) \|", section, re.MULTILINE)
    for beginning in FAMILIES[family]:
        assert any(control.startswith(beginning) for control in found), beginning


def test_every_line_names_words_of_the_trail_and_no_others() -> None:
    words = {str(value) for value in Action.values}
    assert len(CONTROLS) > 50
    for control, _, acts, _ in CONTROLS:
        named_here = re.findall(r"`([\w.]+)`", acts)
        assert named_here, control
        assert set(named_here) <= words, control


def test_every_line_names_a_test_that_there_is() -> None:
    assert [control for control, _, _, shown in CONTROLS if not named.NODE.search(shown)] == []
    assert named.missing(TOLD) == []


def test_what_stays_with_the_site_is_said() -> None:
    assert TOLD.split("## What stays with the site")[1].count("\n- ") >= 8
