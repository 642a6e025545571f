"""An account with several names has one count, and a name that means several accounts frees none of them."""

from typing import Any

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.backends import BaseBackend
from django.db.models import Q

from recovery import lockouts
from recovery.backends import LockoutMixin
from recovery.lockouts import Meant
from recovery.models import Lockout, LoginCounter
from recovery.reasons import LockKind
from tests import hash_spy
from tests.factories import PASSWORD, StaffFactory, UserFactory
from tests.homes import at_home
from tests.signing_in import LIMIT, WRONG, counter, fail, locked, lockouts_of, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.attack(49)]

OURS = "recovery.backends.ModelBackend"
OFFICE, HOME = "203.0.113.9", "198.51.100.7"


class Either(BaseBackend):
    """Takes the user name or the address, and lets in whoever of those has the password."""

    def authenticate(self, request: Any, username: str = "", password: str = "") -> Any:
        found = get_user_model().objects.filter(Q(username=username) | Q(email=username)).order_by("-pk")
        return next((user for user in found if user.check_password(password)), None)

    def get_user(self, user_id: Any) -> Any:
        return get_user_model().objects.filter(pk=user_id).first()


class ByEither(LockoutMixin, Either):
    """As a site writes it that has not read what ``name_fields`` is for."""


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.ByEither"]


@pytest.fixture
def mallory(ada: Any) -> Any:
    """Took the address of another for a user name."""
    user = UserFactory.create(username=ada.email, email="mallory@example.org")
    hash_spy.forget()
    return user


MALLORYS = PASSWORD
ADAS = "a heron flies over the reeds"


@pytest.fixture
def apart(ada: Any) -> Any:
    ada.set_password(ADAS)
    ada.save()
    hash_spy.forget()
    return ada


def streak(name: str, row: int) -> None:
    LoginCounter.objects.filter(pk=lockouts.of_name(name)).update(streak=row)


@pytest.mark.parametrize("backends", [["ByEither"], [OURS, "ByEither"], ["ByEither", OURS]])
def test_all_names_of_an_account_share_one_count_though_nobody_said_which_they_are(
    settings: Any, ada: Any, backends: list[str]
) -> None:
    settings.AUTHENTICATION_BACKENDS = [each if "." in each else f"{__name__}.{each}" for each in backends]
    for name in ("ada", ada.email, "ADA", ada.email.upper(), "ada", ada.email, "ada"):
        assert authenticate(username=name, password=WRONG) is None
    assert lockouts_of(ada)[0].failure_count == LIMIT
    assert Lockout.objects.count() == 1
    assert not sign_in("ada")
    assert not sign_in(ada.email)


def is_judged(name: str, password: str, client: Any = None, **more: Any) -> bool:
    before = hash_spy.hashed()
    sign_in(name, password, client, **more)
    return hash_spy.hashed() > before


def test_whoever_is_called_as_the_address_of_another_gains_no_guess(apart: Any, mallory: Any) -> None:
    """Nor by being known where the guesses come from, nor by a success between them."""
    home, judged = at_home("mallory@example.org"), 0
    for _ in range(3 * LIMIT):
        judged += is_judged(apart.email, WRONG, home)
        judged += is_judged(apart.email, MALLORYS, home)
        judged += is_judged("ada", WRONG, REMOTE_ADDR=HOME)
    assert judged == LIMIT
    assert [each.kind for each in lockouts_of(apart)] == [LockKind.ACCOUNT]
    assert not sign_in("ada", ADAS, REMOTE_ADDR=HOME)


def test_a_success_of_one_of_two_is_a_failure_of_the_other(apart: Any, mallory: Any) -> None:
    fail("ada")
    streak("ada", 50)
    assert sign_in(apart.email, MALLORYS)
    assert counter("ada").streak == 51
    assert counter("ada").failed == 2
    assert (counter(mallory.username).streak, counter(mallory.username).failed) == (0, 0)
    for _ in range(LIMIT - 2):
        assert sign_in(apart.email, MALLORYS)
    assert not sign_in("ada", ADAS)
    assert lockouts_of(apart)[0].user_key == str(apart.pk)


def test_who_gets_in_by_such_a_name_is_told_of_no_wait(apart: Any, mallory: Any, rf: Any) -> None:
    fail("ada", LIMIT - 1)
    request = rf.post("/")
    assert authenticate(request, username=apart.email, password=MALLORYS) == mallory
    assert lockouts.standing(apart).exists()
    assert not hasattr(request, "recovery_wait")


def test_it_is_refused_while_one_of_the_two_is_locked_and_the_other_name_lets_in(apart: Any, mallory: Any) -> None:
    locked("mallory@example.org")
    hash_spy.forget()
    for password in (WRONG, ADAS, MALLORYS):
        assert not sign_in(apart.email, password)
    assert hash_spy.hashed() == 0
    assert sign_in("ada", ADAS)


def test_an_account_that_staff_shut_is_refused_by_a_name_that_it_shares(apart: Any, mallory: Any) -> None:
    lockouts.lock(apart, actor=StaffFactory.create(), reason="left the company")
    hash_spy.forget()
    for password in (WRONG, ADAS, MALLORYS):
        assert not sign_in(apart.email, password)
    assert hash_spy.hashed() == 0
    assert sign_in("mallory@example.org", MALLORYS)


class Numbers(Either):
    """Takes a number that stands in none of the fields."""

    def authenticate(self, request: Any, username: str = "", password: str = "") -> Any:
        user = get_user_model().objects.filter(last_name=username).first()
        return user if user and user.check_password(password) else None


class CountedNumbers(LockoutMixin, Numbers):
    """Nobody said so."""


@pytest.mark.parametrize("place", [{"REMOTE_ADDR": OFFICE}, {"REMOTE_ADDR": ""}], ids=["somewhere", "nowhere"])
def test_a_third_one_who_gets_in_by_such_a_name_frees_neither(
    settings: Any, apart: Any, mallory: Any, place: dict[str, str]
) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.CountedNumbers"]
    carl = UserFactory.create(username="carl", last_name=apart.email)
    for _ in range(LIMIT - 1):
        assert sign_in(apart.email, **place)
    assert (counter("ada").failed, counter(mallory.username).failed) == (LIMIT - 1, LIMIT - 1)
    lockouts.lock(carl, actor=StaffFactory.create(), reason="left the company")
    assert not sign_in(apart.email, **place)


def test_who_gets_in_by_a_name_that_is_not_known_leaves_no_failure_behind(settings: Any, ada: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.CountedNumbers"]
    UserFactory.create(username="carl", last_name="0049123")
    for _ in range(LIMIT + 1):
        assert sign_in("0049123")
    assert (counter("0049123").failed, counter("0049123").streak) == (0, 0)


def test_a_known_device_is_known_by_each_name_of_its_owner(ada: Any) -> None:
    home = at_home("ada")
    locked(ada.email, REMOTE_ADDR=OFFICE)
    assert not sign_in(ada.email, REMOTE_ADDR=HOME)
    for name in (ada.email, "ada", ada.email.upper().lower()):
        assert sign_in(name, PASSWORD, home)
        del home.cookies["sessionid"]


def test_a_device_stays_known_whichever_of_two_gets_in(apart: Any, mallory: Any) -> None:
    home = at_home(apart.email, MALLORYS)
    fail(mallory.email, LIMIT, REMOTE_ADDR=OFFICE)
    assert [each.kind for each in lockouts_of(mallory)] == [LockKind.ACCOUNT]
    assert sign_in(mallory.email, MALLORYS, home)
    assert sign_in(apart.email, MALLORYS, home)


def test_a_known_device_of_one_counts_at_its_place_for_the_other(settings: Any, apart: Any, mallory: Any) -> None:
    home = at_home("mallory@example.org", REMOTE_ADDR=OFFICE)
    fail(apart.email, client=home)
    assert LoginCounter.objects.get(pk=lockouts.of_source(OFFICE)).failed == 1
    assert sign_in(apart.email, MALLORYS, home)
    assert LoginCounter.objects.get(pk=lockouts.of_source(OFFICE)).failed == 1


def test_spellings_of_one_name_that_two_accounts_have_share_a_row_that_neither_begins_anew(
    settings: Any, ada: Any
) -> None:
    settings.AUTHENTICATION_BACKENDS = [OURS]
    UserFactory.create(username="ADA")
    fail("ada")
    streak("ada", 50)
    for name in ("ADA", "ada"):
        assert sign_in(name)
    assert counter("ada").streak == 50
    get_user_model().objects.filter(username="ADA").delete()
    assert sign_in("ada")
    assert counter("ada").streak == 0


def test_whatever_the_order_of_accounts_their_counters_are_written_in_one_order() -> None:
    """Else two tries that share two counters could wait for each other for ever."""
    meant = [Meant(name) for name in ("ada", "bob", "cleo", "dora")]
    ways = [lockouts.of_all(some, source="192.0.2.1").each for some in (meant, meant[::-1])]
    assert ways[0] == ways[1]
    assert [each.kind for each in ways[0]] == [*["account"] * 4, "source"]
