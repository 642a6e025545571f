"""A doctor whose questions to the DNS and to the web stay on this machine, and workers that work at once."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app

from recovery import bell


@pytest.fixture(autouse=True)
def at_home(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dns = {"resolvers": ["127.0.0.1:1"], "answer_within": timedelta(seconds=0.05)}
    settings.RECOVERY = {**settings.RECOVERY, "DNS": dns, "WEBHOOKS": {}}
    monkeypatch.setattr(bell, "_silent_until", 0.0)


@pytest.fixture
def workers() -> Iterator[None]:
    """They hear each ring at once."""
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = False
