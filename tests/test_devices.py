"""Known devices: what the cookie says, whom it makes known, and what ends it."""

import asyncio
import base64
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.utils import timezone

from recovery import devices
from recovery.models import AccountState
from tests.asking import browser, statements
from tests.factories import StaffFactory, UserFactory
from tests.following import failing, mailed_link, works
from tests.homes import CURTAIN, asked_by, at_home, cookie_of, known, signs_in, with_cookie
from tests.signing_in import SIGN_IN

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def user() -> Any:
    return UserFactory.create(username="Mike", email="mike@example.org")


def test_a_success_sets_the_cookie_and_nothing_else_does(user: Any) -> None:
    client = browser()
    client.get(SIGN_IN)
    signs_in(client, user, "a guess")
    signs_in(client, "nobody")
    assert cookie_of(client) == ""
    assert not AccountState.objects.exists()
    assert signs_in(client, user).status_code == 302
    morsel = client.cookies[devices.NAME]
    assert (morsel["path"], morsel["domain"], morsel["samesite"], morsel["httponly"]) == ("/", "", "Lax", True)
    assert morsel["max-age"] == timedelta(days=400).total_seconds()


@pytest.mark.attack(116)
@pytest.mark.parametrize("secure", [True, False])
def test_the_cookie_is_as_secure_as_the_request(user: Any, secure: bool) -> None:
    client = browser()
    signs_in(client, user, secure=secure)
    assert bool(client.cookies[devices.NAME]["secure"]) is secure


def test_the_cookie_tells_nothing_of_the_account(user: Any) -> None:
    """It is random, but for the moment at which it was made."""
    values = [cookie_of(at_home(user)) for _ in range(2)]
    raw = [base64.urlsafe_b64decode(value) for value in values]
    assert all(len(value) == 48 for value in raw)
    first, second = ({value[at : at + 4] for at in range(6, 45)} for value in raw)
    assert not first & second


@pytest.mark.attack(51)
def test_a_browser_is_known_to_whoever_signed_in_there_and_to_nobody_else(user: Any) -> None:
    """Case 51, the device's half: that this is the owner's browser is found out before anything is counted."""
    other = UserFactory.create(username="nora")
    home = at_home(user)
    found = known(home, "Mike")
    assert found
    assert len(found) == 20
    assert known(home, "MIKE") == found  # whoever counts takes both for one name
    assert known(home, "nora") is None
    assert known(browser(), "Mike") is None
    assert devices.known(None, "Mike") is None
    assert devices.is_known(asked_by(home), user)
    assert not devices.is_known(asked_by(home), other)


class ByAddress(ModelBackend):
    """A site where people type their address."""

    def authenticate(self, request: Any, username: Any = None, password: Any = None, **more: Any) -> Any:
        devices.known(request, username)
        user = get_user_model().objects.filter(email__iexact=username).first()
        return user if user and user.check_password(password) else None


def test_where_people_sign_in_by_address_the_address_is_the_name(user: Any, settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.ByAddress"]
    home = at_home("mike@example.org")
    assert known(home, "mike@example.org")
    assert known(home, "MIKE@example.org")
    assert known(home, "mike@example.com") is None


@pytest.mark.parametrize("holds", ["nothing", "the cookie of another", "a forged cookie"])
def test_no_statement_tells_whether_an_account_exists(user: Any, holds: str) -> None:
    client = {
        "nothing": browser,
        "the cookie of another": lambda: at_home(UserFactory.create(username="nora")),
        "a forged cookie": lambda: with_cookie("A" * 64),
    }[holds]()
    for name in ("Mike", "nobody", "", "\x00", "\udcff", "x" * 5000):
        with statements() as found:
            assert known(client, name) is None
        assert found.texts == []


@pytest.mark.attack(63)
def test_a_forged_cookie_is_none(user: Any) -> None:
    value = cookie_of(at_home(user))
    raw = base64.urlsafe_b64decode(value)
    assert known(with_cookie(value), "Mike")
    for position in range(len(raw)):
        forged = bytearray(raw)
        forged[position] ^= 1
        thief = with_cookie(base64.urlsafe_b64encode(forged).decode())
        assert known(thief, "Mike") is None, position
        assert devices.is_known(asked_by(thief), user) is (16 <= position < 32), position  # the name's tag


@pytest.mark.attack(63)
@pytest.mark.parametrize(
    "value", ["", ".", "x", "A" * 63, "A" * 65, "é" * 64, "=" * 64, "%00", "A" * 64 + ".", ".".join(["A" * 64] * 5000)]
)
def test_a_cookie_that_is_none_harms_nothing(user: Any, value: str) -> None:
    client = browser(HTTP_COOKIE=f"{devices.NAME}={value}".encode().decode("latin-1"))
    assert signs_in(client, user, "a guess").status_code == 200
    assert signs_in(client, user).status_code == 302
    assert cookie_of(client)


@pytest.mark.attack(63)
def test_the_cookie_of_one_account_cannot_be_moved_to_another(user: Any) -> None:
    """Not by itself, and not with its parts put together anew."""
    other = UserFactory.create(username="nora")
    own, foreign = (base64.urlsafe_b64decode(cookie_of(at_home(each))) for each in (user, other))
    for mixed in (own[:32] + foreign[32:], foreign[:32] + own[32:], foreign[:16] + own[16:], own[:16] + foreign[16:]):
        client = with_cookie(base64.urlsafe_b64encode(mixed).decode())
        assert known(client, "Mike") is None
        assert known(client, "nora") is None
        assert not devices.is_known(asked_by(client), user)
        assert not devices.is_known(asked_by(client), other)


@pytest.mark.attack(63)
def test_accounts_with_the_same_hash_do_not_share_their_devices(user: Any) -> None:
    """Seeded and copied accounts have."""
    other = UserFactory.create(username="nora")
    get_user_model().objects.filter(pk=other.pk).update(password=user.password)
    other.refresh_from_db()
    at_home(other)
    assert not devices.is_known(asked_by(at_home(user)), other)


def anew(user: Any) -> None:
    user.set_password(CURTAIN)
    user.save()


def behind_the_models_back(user: Any) -> None:
    other = UserFactory.build(password=CURTAIN)
    get_user_model().objects.filter(pk=user.pk).update(password=other.password)


def by_reset(user: Any) -> None:
    assert works(mailed_link(user), user)


def unusable(user: Any) -> None:
    user.set_unusable_password()
    user.save()


def by_staff(user: Any) -> None:
    devices.forget(user, actor=StaffFactory.create(), reason="laptop was stolen")


@pytest.mark.attack(38, 63)
@pytest.mark.parametrize("ends", [anew, behind_the_models_back, by_reset, unusable, by_staff])
def test_the_cookie_dies_at_every_change_of_the_password_and_when_staff_say_so(user: Any, ends: Any) -> None:
    homes = [at_home(user), at_home(user)]
    assert all(known(home, "Mike") for home in homes)
    ends(user)
    user.refresh_from_db()
    assert not any(known(home, "Mike") for home in homes)
    assert not any(devices.is_known(asked_by(home), user) for home in homes)


def test_forgetting_and_its_record_are_one_commit(user: Any) -> None:
    home = at_home(user)
    with failing("recovery_auditevent"), pytest.raises(Exception, match="disk is full"):
        by_staff(user)
    assert known(home, "Mike")


def test_each_success_gets_a_number_of_its_own_and_the_copy_keeps_its_old_one(user: Any) -> None:
    home = at_home(user)
    first, copy = known(home, "Mike"), with_cookie(cookie_of(home))
    signs_in(home, user)
    assert known(home, "Mike") not in (None, first)
    assert known(copy, "Mike") == first


def test_a_browser_knows_the_last_five_accounts(user: Any) -> None:
    people = [UserFactory.create(username=f"person{number}") for number in range(6)]
    shared = browser()
    for person in people:
        signs_in(shared, person)
    assert len(cookie_of(shared)) == 5 * 64 + 4
    assert [bool(known(shared, person.username)) for person in people] == [False, *[True] * 5]
    signs_in(shared, people[5])  # again: it takes no other's place
    assert [bool(known(shared, person.username)) for person in people] == [False, *[True] * 5]


def test_a_change_of_the_secret_key_keeps_devices_as_long_as_the_old_one_is_a_fallback(
    user: Any, settings: Any
) -> None:
    home = at_home(user)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another"
    assert known(home, "Mike") is None
    settings.SECRET_KEY_FALLBACKS = [old]
    assert known(home, "Mike")
    signs_in(home, user)
    settings.SECRET_KEY_FALLBACKS = []
    assert known(home, "Mike")


def test_a_device_is_known_for_four_hundred_days(user: Any) -> None:
    home = at_home(user)
    for days, is_known in ((399, True), (401, False)):
        with time_machine.travel(timezone.now() + timedelta(days=days)):
            assert bool(known(home, "Mike")) is is_known


def test_with_an_account_goes_what_is_remembered_of_it(user: Any) -> None:
    at_home(user)
    user.delete()
    assert not AccountState.objects.exists()


def test_first_successes_at_the_same_moment_agree_since_when_devices_are_known(user: Any) -> None:
    homes = [browser(), browser()]

    async def both() -> None:
        await asyncio.gather(*(asyncio.to_thread(signs_in, home, user) for home in homes))

    async_to_sync(both)()
    assert all(known(home, "Mike") for home in homes)
