"""The person whose account it is about."""

from typing import Any

import pytest

from tests.factories import UserFactory


@pytest.fixture
def user() -> Any:
    return UserFactory.create()
