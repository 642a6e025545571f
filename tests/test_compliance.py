"""docs/compliance.md names words of the trail and tests that there are, for each control that it lists."""

import re
from pathlib import Path

import pytest

from recovery.reasons import Action
from tests import named

TOLD = (Path(__file__).resolve().parent.parent / "docs" / "compliance.md").read_text()
ROWS = re.findall(r"^\| ([\w.()]+) \| (.+?) \| (.*?) \| (.*?) \|$", TOLD, re.MULTILINE)
CONTROLS = [row for row in ROWS if row[0] != "control"]
KNOWN = {
    "SOC 2": "CC6.1 CC6.2 CC6.3 CC6.6 CC6.7 CC7.1 CC7.2 CC7.3 CC7.4 CC7.5",
    "ISO/IEC 27001:2022": "A.5.15 A.5.16 A.5.17 A.5.18 A.5.26 A.5.28 A.5.33 A.5.34"
    " A.8.2 A.8.5 A.8.10 A.8.11 A.8.12 A.8.15 A.8.16 A.8.17",
    "HIPAA security rule": "164.308(a)(1)(ii)(D) 164.308(a)(3)(ii)(C) 164.308(a)(4)(ii)(C) 164.308(a)(5)(ii)(C)"
    " 164.308(a)(5)(ii)(D) 164.308(a)(6)(ii) 164.312(a)(2)(i) 164.312(b) 164.312(c)(1) 164.312(d) 164.312(e)(1)"
    " 164.316(b)(2)(i)",
    "NIST SP 800-63B-4": "3.1.1.2 3.2.2 4.2.1.2 4.2.2 4.3 4.5 4.6",
    "OWASP ASVS 5.0": "2.3.5 6.3.1 6.3.5 6.3.7 6.3.8 6.4.1 6.4.3 6.4.6 7.4.3 16.2.1 16.2.5 16.3.2 16.4.2 16.4.3 16.5.2",
}
"""Ids as they stand in those texts; a line under another id is an invention or a slip, and a lost one is missed."""
WITHOUT_ACT = {"16.4.3"}
"""What is kept beside the trail, and tells of itself."""


@pytest.mark.parametrize("family", KNOWN)
def test_each_family_of_controls_has_its_lines_and_no_invented_ones(family: str) -> None:
    section = re.split(r"^## ", TOLD.split(f"## {family}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"^\| ([\w.()]+) \|", section, re.MULTILINE)
    assert set(found) - {"control"} == set(KNOWN[family].split())


def test_every_line_names_words_of_the_trail_and_no_others() -> None:
    words = {str(value) for value in Action.values}
    assert len(CONTROLS) > 50
    for control, _, acts, _ in CONTROLS:
        named_here = re.findall(r"`([\w.]+)`", acts)
        assert bool(named_here) != (control in WITHOUT_ACT), control
        assert set(named_here) <= words, control


def test_every_line_names_a_test_that_there_is() -> None:
    assert [control for control, _, _, shown in CONTROLS if not named.NODE.search(shown)] == []
    assert named.missing(TOLD) == []


def test_every_act_has_a_test_that_fails_unless_the_app_writes_it() -> None:
    """``conftest`` holds each of these tests to it."""
    shown = [act for act, _path, _name in named.ACT.findall(TOLD)]
    assert shown == sorted(Action.values)


def test_what_stays_with_the_site_is_said() -> None:
    assert TOLD.split("## What stays with the site")[1].count("\n- ") >= 8
