"""The person whom some of these tests are about."""

from pathlib import Path
from typing import Any

import pytest

from recovery import evidence
from recovery.audit import sealing
from tests.factories import UserFactory
from tests.trail.written import AT, STEP, anchor, sealed


@pytest.fixture
def ada() -> Any:
    return UserFactory(username="ada", email="ada.lovelace@example.com")


@pytest.fixture(autouse=True)
def looks_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long ago this process last looked far back is nobody's business from test to test."""
    monkeypatch.setitem(sealing._looked_far, "at", 0.0)


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a period whose rows are those at positions 11 to 40, in seals 2 to 4 of 6; seal 1 is told before them."""
    monkeypatch.setattr(sealing, "BATCH", 10)
    sealed(60)
    (tmp_path / "site.log").write_text(anchor())
    evidence.export(tmp_path / "bundle", since=AT + 15 * STEP, until=AT + 34 * STEP, keys=tmp_path / "keys.json")
    return tmp_path / "bundle"
