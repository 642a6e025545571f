"""The person whom most of these tests are about."""

from typing import Any

import pytest

from tests.factories import UserFactory


@pytest.fixture
def ada() -> Any:
    return UserFactory(username="ada", email="ada.lovelace@example.com")
