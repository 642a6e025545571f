"""The stage that every caller stands on."""

from collections.abc import Iterator
from typing import Any

import pytest

from example_project import provider as providers
from tests.diagnosis.stage import SECRET, Stage, lives


@pytest.fixture
def stage(settings: Any, transactional_db: None) -> Iterator[Stage]:
    provider = providers.start(webhooks=False)
    made = Stage(settings, provider)
    settings.ANYMAIL = {**getattr(settings, "ANYMAIL", {}), "WEBHOOK_SECRET": SECRET}
    made.set(ROUTES=[made.way()], WEBHOOKS={"postmark": {}}, ADDRESS_CORRECTION="at_once")
    lives()
    yield made
    provider.stop()
