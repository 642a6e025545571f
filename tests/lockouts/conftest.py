"""Everybody here has a password whose hashing is counted."""

from typing import Any

import pytest

from tests import hash_spy
from tests.factories import UserFactory


@pytest.fixture(autouse=True)
def spy(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(hash_spy.STORE, str(tmp_path / "hashed"))
    settings.PASSWORD_HASHERS = [hash_spy.SPY, *settings.PASSWORD_HASHERS]


@pytest.fixture
def ada() -> Any:
    user = UserFactory.create(username="ada")
    hash_spy.forget()
    return user
