"""Cases 47 and 48: guesses all at once are stopped exactly at the limit, and right passwords all at once get in."""

import os
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.db import connection

from recovery.backends import ModelBackend
from recovery.models import AuditEvent, Lockout, LoginCounter
from recovery.reasons import Action
from tests import databases, hash_spy
from tests.conftest import database_url
from tests.factories import PASSWORD, UserFactory
from tests.races.signing_in import LIMIT, Race, people, racing
from tests.signing_in import counter, limits
from tests.together import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(47, 48)]

ROUNDS = 3
WRONG = [f"wrong {number}" for number in range(50)]


@pytest.fixture(autouse=True)
def spy(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(hash_spy.STORE, str(tmp_path / "hashed"))
    settings.PASSWORD_HASHERS = [hash_spy.SPY]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(hash_spy.SLOWNESS, "0.03")


def raced(name: str, passwords: list[str], request: Any = None) -> tuple[int, int]:
    """Threads of this process: how many passwords were hashed, and how many let in."""
    hash_spy.forget()
    tries = [partial(authenticate, request, username=name, password=password) for password in passwords]
    found = at_once(*tries)
    return hash_spy.hashed(), sum(user is not None for user in found)


@pytest.mark.usefixtures("slow")
def test_fifty_guesses_at_once_five_are_looked_at() -> None:
    for name in (UserFactory.create().username, "nobody"):
        assert raced(name, WRONG) == (LIMIT, 0)
    assert Lockout.objects.count() == AuditEvent.objects.filter(action=Action.LOCKED).count() == 2


@pytest.mark.usefixtures("slow")
def test_with_the_right_one_among_them_it_gets_in_or_is_refused_and_five_wrong_ones_are_looked_at() -> None:
    for _ in range(ROUNDS):
        passwords = list(WRONG)
        passwords[random.randrange(50)] = PASSWORD
        hashed, let_in = raced(UserFactory.create().username, passwords)
        assert hashed - let_in <= LIMIT
        assert let_in <= 1


def test_fifty_right_ones_at_once_all_get_in() -> None:
    name = UserFactory.create().username
    assert raced(name, [PASSWORD] * 50) == (50, 50)
    assert counter(name).slots == {}
    assert not Lockout.objects.exists()


@pytest.mark.usefixtures("slow")
def test_limits_of_name_and_place_hold_at_once(rf: Any, settings: Any) -> None:
    limits(settings, source=20)
    hash_spy.forget()
    names = [UserFactory.create().username for _ in range(10)]
    tries = [
        partial(authenticate, rf.post("/"), username=names[number % 10], password=f"wrong {number}")
        for number in range(60)
    ]
    hash_spy.forget()
    at_once(*tries)
    assert 20 <= hash_spy.hashed() <= 30  # of each name that had slipped once, one more
    for row in LoginCounter.objects.all():
        assert (row.taken, row.failed) == (len(row.slots), len(row.slots))
        assert row.taken <= 30
    for name in names:
        assert (row := counter(name)) is None or row.streak <= LIMIT


class ByBothNames(ModelBackend):
    """Looks accounts up before it counts."""

    name_fields = ("username", "email")


@pytest.mark.usefixtures("slow")
def test_guesses_at_once_by_several_names_of_an_account_share_its_limit(settings: Any) -> None:
    """One of the names means another account, too, so that tries share two counters."""
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.ByBothNames"]
    ada = UserFactory.create()
    mallory = UserFactory.create(username=ada.email)
    names = [ada.username, ada.email, ada.email.upper()]
    hash_spy.forget()
    at_once(*(partial(authenticate, None, username=names[at % 3], password=word) for at, word in enumerate(WRONG)))
    assert hash_spy.hashed() == LIMIT
    for name in (ada.username, mallory.username):
        assert (row := counter(name)) is None or (row.taken, row.failed) == (len(row.slots), len(row.slots))


@pytest.fixture
def race(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Race]:
    """Two processes of so many threads."""
    threads, is_atomic = request.param
    own = {"DATABASE_URL": database_url(), databases.CLAIMED: os.environ[databases.CLAIMED]}
    with racing(own, tmp_path / "raced", processes=2, threads=threads, is_atomic=is_atomic) as found:
        yield found


def kinds() -> list[tuple[int, bool]]:
    return [(4, False), (16, False), *([(4, True), (16, True)] if connection.vendor == "postgresql" else [])]


@pytest.mark.slow
@pytest.mark.parametrize("race", kinds(), indirect=True, ids=str)
def test_real_processes_let_through_no_guess_too_many_and_refuse_no_right_one(race: Race) -> None:
    """With ATOMIC_REQUESTS and REST framework's rollback, too."""
    for size, among, name in zip((50, 50, 200), (False, True, True), people(3), strict=True):
        found = race.guesses(name, size, right_among=among)
        assert found.is_held
        assert found.wrong_checked == LIMIT
    assert race.right_ones(*people(1), 50) == 50
