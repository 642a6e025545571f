"""The person at whom attacks are aimed."""

from typing import Any

import pytest

from tests.factories import UserFactory


@pytest.fixture
def victim() -> Any:
    return UserFactory.create(username="mike", email="mike@example.org")
