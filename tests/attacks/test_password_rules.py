"""Case 41: the site's password rules hold on every way to a password, and say the same of the same password."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.asking import browser, follow, set_password
from tests.factories import PASSWORD, UserFactory
from tests.following import mailed_link, opened
from tests.joining import invited, mailed_to

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(41)]

BAD = ("short1", "password1234", "8365729104", "amelie-lovelace")  # too short, common, numbers alone, like the name


def by_reset(password: str) -> Any:
    client, form = opened(mailed_link(UserFactory.create(username="amelie-lovelace")))
    return set_password(client, form, password)


def by_activation(password: str) -> Any:
    user = invited()
    type(user).objects.filter(pk=user.pk).update(username="amelie-lovelace")
    client = browser()
    return set_password(client, follow(client, mailed_to(user)), password)


def by_change(password: str) -> Any:
    client, user = browser(), UserFactory.create(username="amelie-lovelace")
    client.force_login(user)
    typed = {"old_password": PASSWORD, "new_password1": password, "new_password2": password}
    return client.post("/accounts/password_change/", typed)


WAYS: dict[str, Callable[[str], Any]] = {"reset": by_reset, "activation": by_activation, "change": by_change}


@pytest.mark.parametrize("password", BAD)
@pytest.mark.parametrize("way", WAYS)
def test_a_password_that_the_site_does_not_take_is_taken_nowhere(way: str, password: str) -> None:
    assert WAYS[way](password).status_code == 200


@pytest.mark.parametrize("password", ["seven quiet herons at dusk", "x9 " * 30, "ünïcödé · 密码 · пароль"])
@pytest.mark.parametrize("way", WAYS)
def test_long_ones_and_all_letters_of_the_world_are_taken_everywhere(way: str, password: str) -> None:
    assert WAYS[way](password.strip()).status_code == 302
