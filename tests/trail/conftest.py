"""The person whom some of these tests are about."""

from typing import Any

import pytest

from recovery.audit import sealing
from tests.factories import UserFactory


@pytest.fixture
def ada() -> Any:
    return UserFactory(username="ada", email="ada.lovelace@example.com")


@pytest.fixture(autouse=True)
def looks_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long ago this process last looked far back is nobody's business from test to test."""
    monkeypatch.setitem(sealing._looked_far, "at", 0.0)
