"""Nothing tells whether there is an account: known and unknown names are equal in each state, and so are right and
wrong passwords while locked."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from recovery import accounts
from recovery.backends import ModelBackend
from recovery.models import LoginCounter
from tests import hash_spy
from tests.asking import browser, seen, statements
from tests.factories import PASSWORD, UserFactory
from tests.signing_in import LIMIT, SIGN_IN, WRONG

pytestmark = [pytest.mark.django_db, pytest.mark.attack(3, 7, 50)]


def known() -> None:
    UserFactory.create(username="name")


def unknown() -> None:
    UserFactory.create(username="another")


def inactive() -> None:
    UserFactory.create(username="name", is_active=False)


def without_password() -> None:
    UserFactory.create(username="name", password=None)


def of_another_hasher() -> None:
    user = UserFactory.create(username="name")
    user.password = "md5$salt$" + "0" * 32
    user.save()


def without_hash() -> None:
    user = UserFactory.create(username="name")
    user.password = ""
    user.save()


STATES = [known, inactive, without_password, of_another_hasher, without_hash]


def tried(client: Any, password: str) -> dict[str, Any]:
    """All that a visitor sees, all that the database is asked, and how many passwords were hashed."""
    hash_spy.forget()
    with statements() as found:
        answer = client.post(SIGN_IN, {"username": "name", "password": password})
    shown = seen(answer)
    assert answer.status_code in (200, 429)
    # Two that are compared are seconds apart, and the page says by the clock until when to wait.
    shown["body"] = re.sub(r"until [^(]{4,12} \(", "until … (", shown["body"])
    if "Retry-After" in shown["headers"]:
        assert 55 <= int(shown["headers"].pop("Retry-After")) <= 60
    return {"answer": shown, "statements": found.texts, "hashed": hash_spy.hashed()}


def guessed(make: Callable[[], None]) -> list[dict[str, Any]]:
    """Up to the lock, and past it."""
    make()
    client = browser()
    client.get(SIGN_IN)
    return [tried(client, WRONG) for _ in range(LIMIT + 2)]


def forget_everybody() -> None:
    get_user_model().objects.all().delete()
    LoginCounter.objects.all().delete()


@pytest.mark.parametrize("make", STATES)
def test_up_to_the_lock_and_past_it_every_account_is_as_none(make: Callable[[], None]) -> None:
    found = guessed(make)
    forget_everybody()
    assert found == guessed(unknown)
    assert [each["hashed"] for each in found] == [1] * LIMIT + [0] * 2


class ByBothNames(ModelBackend):
    """Looks accounts up before it counts."""

    name_fields = ("username", "email")


@pytest.mark.parametrize("make", [known, inactive])
def test_it_is_so_where_accounts_are_looked_up_first(settings: Any, make: Callable[[], None]) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.ByBothNames"]
    found = guessed(make)
    forget_everybody()
    assert found == guessed(unknown)
    assert [each["hashed"] for each in found] == [1] * LIMIT + [0] * 2


@pytest.mark.parametrize("make", [known, inactive])
def test_while_it_is_locked_the_right_password_is_as_a_wrong_one(make: Callable[[], None]) -> None:
    guessed(make)
    client = browser()
    client.get(SIGN_IN)
    assert tried(client, PASSWORD) == tried(client, WRONG)


class Slower(PBKDF2PasswordHasher):
    """A hasher whose work can be counted: a letter for each iteration."""

    algorithm = "slower"
    iterations = 40
    done: list[int] = []

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        self.done.append(iterations or self.iterations)
        return super().encode(password, salt, iterations)


@pytest.mark.parametrize("iterations", [10, 39, 40])
def test_a_hash_of_an_older_work_factor_takes_the_work_of_a_new_one(settings: Any, iterations: int) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.Slower"]
    user = UserFactory.create(username="name")
    user.password = Slower().encode(PASSWORD, "salt" * 8, iterations)
    user.save()
    for name in ("name", "nobody"):
        Slower.done.clear()
        assert authenticate(username=name, password=WRONG) is None
        assert sum(Slower.done) == 40


@pytest.mark.attack(3)
@pytest.mark.parametrize("make", [known, inactive, without_password])
def test_a_lone_surrogate_is_a_wrong_password_of_every_account(make: Callable[[], None]) -> None:
    make()
    for name in ("name", "nobody"):
        hash_spy.forget()
        assert authenticate(username=name, password="a\ud800b") is None
        assert hash_spy.hashed() == 1


class Meddler(PBKDF2PasswordHasher):
    """Of an older work factor; while it judges, somebody ends the password."""

    algorithm = "meddler"
    iterations = 20
    meddles: list[Callable[[], Any]] = []

    def verify(self, password: str, encoded: str) -> bool:
        is_right = super().verify(password, encoded)
        while self.meddles:
            self.meddles.pop()()
        return is_right


def test_a_hash_that_is_renewed_brings_back_no_password_that_was_ended_meanwhile(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.Meddler"]
    user = UserFactory.create(username="name")
    user.password = Meddler().encode(PASSWORD, "salt" * 8, 10)
    user.save()
    Meddler.meddles.append(lambda: accounts.end_password(type(user).objects.get(pk=user.pk)))
    authenticate(username="name", password=PASSWORD)
    assert not Meddler.meddles
    user.refresh_from_db()
    assert not user.has_usable_password()
