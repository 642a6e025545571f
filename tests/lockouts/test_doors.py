"""Case 58: every door that goes through ``authenticate()`` is counted, and refuses when locked."""

from typing import Any

import pytest
from django.test import Client

from tests import hash_spy
from tests.factories import StaffFactory
from tests.lockouts.doors import DOORS, by_hand, by_page, let_in
from tests.signing_in import LIMIT, WRONG, locked, lockouts_of

pytestmark = [pytest.mark.django_db, pytest.mark.attack(58)]


@pytest.fixture(autouse=True)
def a_site_with_all_doors(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.lockouts.urls"


@pytest.fixture
def eve() -> Any:
    user = StaffFactory.create(username="eve")
    hash_spy.forget()
    return user


@pytest.mark.parametrize("door", DOORS)
def test_each_door_opens_to_the_right_password(eve: Any, door: Any) -> None:
    assert let_in(door, "eve")
    assert not let_in(door, "eve", WRONG)


@pytest.mark.parametrize("door", DOORS)
def test_failures_at_each_door_are_counted(eve: Any, door: Any) -> None:
    for _ in range(LIMIT + 2):
        assert not let_in(door, "eve", WRONG)
    assert hash_spy.hashed() == LIMIT
    assert len(lockouts_of(eve)) == 1
    assert not let_in(by_page, "eve")


@pytest.mark.parametrize("door", DOORS)
def test_each_door_refuses_when_another_has_locked(eve: Any, door: Any) -> None:
    locked("eve")
    assert not let_in(door, "eve")
    assert hash_spy.hashed() == LIMIT


def test_failures_at_all_doors_are_one_count(eve: Any) -> None:
    for door in DOORS:
        assert not let_in(door, "eve", WRONG)
    assert hash_spy.hashed() == LIMIT


@pytest.mark.parametrize("path", ["/accounts/login/", "/api/token/", "/api/session/"])
@pytest.mark.attack(9)
def test_more_names_in_a_post_are_no_way_round(eve: Any, path: str) -> None:
    for number in range(LIMIT + 2):
        given = {"username": "eve", "email": f"{number}@example.org", "login": str(number), "password": WRONG}
        Client().post(path, given)
    assert hash_spy.hashed() == LIMIT
    assert not let_in(by_hand, "eve")
