"""The person whom most of these tests are about, and two routes to switch."""

from typing import Any

import pytest

from recovery import routes
from tests.factories import UserFactory
from tests.ways_out import LOCMEM


@pytest.fixture
def ada() -> Any:
    return UserFactory(username="ada", email="ada.lovelace@example.com")


@pytest.fixture
def two_routes(settings: Any, db: None) -> None:
    ways = [{"NAME": name, "BACKEND": LOCMEM} for name in ("relay", "main_1")]
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": ways}
    routes.register()
