"""The alarms that a test sounds, as a site's receiver hears them."""

from collections.abc import Iterator
from typing import Any

import pytest

from recovery import alarms
from recovery.signals import alarm_sounded


@pytest.fixture
def heard() -> Iterator[list[tuple[str, str]]]:
    """(alarm, subject) of each, from a process that has told nothing yet."""
    told: list[tuple[str, str]] = []

    def hear(alarm: str, subject: str, **more: Any) -> None:
        told.append((alarm, subject))

    alarms._told.clear()
    alarm_sounded.connect(hear)
    yield told
    alarm_sounded.disconnect(hear)
    alarms._told.clear()
