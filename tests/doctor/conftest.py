"""A doctor whose questions to the DNS and to the web stay on this machine, and workers that work at once."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app

from recovery import bell


@pytest.fixture(autouse=True)
def at_home(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "DNS": {"resolvers": ["127.0.0.1:1"]}, "WEBHOOKS": {}}
    monkeypatch.setattr(bell, "_silent_until", 0.0)


@pytest.fixture
def workers() -> Iterator[None]:
    """They hear each ring at once."""
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = False
