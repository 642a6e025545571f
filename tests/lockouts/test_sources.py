"""Guessing from one place is stopped by how much of it there is; the neighbours of who slips are not."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import authenticate

from recovery.models import Lockout
from recovery.reasons import LockKind
from tests import hash_spy
from tests.factories import PASSWORD, UserFactory
from tests.signing_in import WRONG, fail, let_pass, limits, sign_in

pytestmark = pytest.mark.django_db

OFFICE, HOME = "203.0.113.9", "198.51.100.7"


@pytest.mark.attack(57)
def test_one_password_for_a_thousand_names_is_looked_at_fifty_times(ada: Any) -> None:
    for number in range(1000):
        assert not sign_in(f"reader-{number}", "summer2026", REMOTE_ADDR=OFFICE)
    assert hash_spy.hashed() == 50
    [lockout] = Lockout.objects.all()
    assert (lockout.kind, lockout.user_key, lockout.failure_count, lockout.ip) == (LockKind.SOURCE, "", 50, OFFICE)
    assert not sign_in("ada", REMOTE_ADDR=OFFICE)
    assert sign_in("ada", REMOTE_ADDR=HOME)


@pytest.mark.attack(57)
@pytest.mark.parametrize("all_slip_first", [False, True])
def test_fifty_people_behind_one_address_who_slip_once_get_in(all_slip_first: bool) -> None:
    people = [UserFactory.create().username for _ in range(50)]
    slips, successes = ([(name, word) for name in people] for word in (WRONG, PASSWORD))
    tries = (
        [*slips, *successes]
        if all_slip_first
        else [each for pair in zip(slips, successes, strict=True) for each in pair]
    )
    let_in = [sign_in(name, password, REMOTE_ADDR=OFFICE) for name, password in tries]
    assert let_in == [password == PASSWORD for _, password in tries]
    assert not Lockout.objects.exists()


def test_past_the_limit_who_slipped_has_one_try_more_and_not_two(settings: Any) -> None:
    limits(settings, account=100, source=3)
    for name in ("ada", "bob", "cleo"):
        fail(name, REMOTE_ADDR=OFFICE)
    fail("ada", 3, REMOTE_ADDR=OFFICE)
    assert hash_spy.hashed() == 4


def test_failures_of_one_name_alone_use_up_a_source_too(settings: Any, ada: Any) -> None:
    limits(settings, account=100, source=7)
    fail("nobody", 20, REMOTE_ADDR=OFFICE)
    assert hash_spy.hashed() == 7
    assert not sign_in("ada", REMOTE_ADDR=OFFICE)


@pytest.mark.attack(49)
def test_the_attackers_own_success_frees_neither_the_victim_nor_the_source(settings: Any, ada: Any) -> None:
    UserFactory.create(username="mallory")
    limits(settings, source=8)
    hash_spy.forget()
    for _ in range(5):
        fail("ada", REMOTE_ADDR=OFFICE)
        assert sign_in("mallory", REMOTE_ADDR=OFFICE)
    assert hash_spy.hashed() == 10
    assert not sign_in("ada", REMOTE_ADDR=HOME)
    fail("bob", 3, REMOTE_ADDR=OFFICE)
    assert not sign_in("mallory", REMOTE_ADDR=OFFICE)
    assert sorted(Lockout.objects.values_list("kind", flat=True)) == [LockKind.ACCOUNT, LockKind.SOURCE]


def test_a_success_takes_back_the_failures_of_its_name_and_no_others(settings: Any, ada: Any) -> None:
    limits(settings, source=4)
    fail("ada", 3, REMOTE_ADDR=OFFICE)
    assert sign_in("ada", REMOTE_ADDR=OFFICE)
    fail("bob", 3, REMOTE_ADDR=OFFICE)
    assert sign_in("ada", REMOTE_ADDR=OFFICE)
    fail("cleo", REMOTE_ADDR=OFFICE)
    assert not sign_in("ada", REMOTE_ADDR=OFFICE)


def test_a_locked_account_uses_up_nothing_of_the_source(settings: Any, ada: Any) -> None:
    limits(settings, source=8)
    fail("ada", 30, REMOTE_ADDR=OFFICE)
    fail("bob", 2, REMOTE_ADDR=OFFICE)
    UserFactory.create(username="cleo")
    assert sign_in("cleo", REMOTE_ADDR=OFFICE)


def test_a_locked_source_uses_up_nothing_of_the_account(settings: Any, ada: Any) -> None:
    limits(settings, source=4)
    fail("bob", 4, REMOTE_ADDR=OFFICE)
    fail("ada", 30, REMOTE_ADDR=OFFICE)
    limits(settings)
    fail("ada", 4, REMOTE_ADDR=HOME)
    assert sign_in("ada", REMOTE_ADDR=HOME)


def test_the_lock_of_a_source_ends_by_itself_and_grows(settings: Any, ada: Any) -> None:
    limits(settings, source=2)
    for minutes in (1, 5, 15, 15):
        for name in ("bob", "cleo", "dora"):
            fail(name, REMOTE_ADDR=OFFICE)
        assert not sign_in("ada", REMOTE_ADDR=OFFICE)
        let_pass(timedelta(minutes=minutes, seconds=-2))
        assert not sign_in("ada", REMOTE_ADDR=OFFICE)
        let_pass(timedelta(seconds=3))
        assert sign_in("ada", REMOTE_ADDR=OFFICE)


@pytest.mark.attack(53)
@pytest.mark.parametrize("address", ["", "unix:", "not an address"])
def test_a_place_that_is_not_known_is_nobodys_neighbour(settings: Any, ada: Any, address: str) -> None:
    limits(settings, source=3)
    for number in range(9):
        fail(f"nobody{number}", REMOTE_ADDR=address)
    assert sign_in("ada", REMOTE_ADDR=address)


def test_without_a_request_there_is_no_place(settings: Any, ada: Any) -> None:
    limits(settings, source=3)
    for number in range(9):
        assert authenticate(username=f"nobody{number}", password=WRONG) is None
    assert authenticate(username="ada", password=PASSWORD) == ada


def test_a_site_may_leave_sources_alone(settings: Any, ada: Any) -> None:
    limits(settings, source=None)
    for number in range(60):
        fail(f"nobody{number}", REMOTE_ADDR=OFFICE)
    assert sign_in("ada", REMOTE_ADDR=OFFICE)
    assert not Lockout.objects.exists()


@pytest.mark.attack(55)
def test_a_whole_network_of_ipv6_is_one_source(settings: Any, ada: Any) -> None:
    limits(settings, source=10)
    for number in range(30):
        fail(f"nobody{number}", REMOTE_ADDR=f"2001:db8:1:2::{number:x}")
    assert not sign_in("ada", REMOTE_ADDR="2001:db8:1:2:ffff::1")
    assert sign_in("ada", REMOTE_ADDR="2001:db8:1:3::1")
    assert hash_spy.hashed() == 11
