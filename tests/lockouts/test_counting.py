"""Failures are counted, stop guessing at the limit, and are forgotten: each by its own time."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from recovery.models import AuditEvent, Lockout, LoginCounter
from recovery.reasons import Action, LockKind
from tests import hash_spy
from tests.following import trail
from tests.signing_in import LIMIT, WRONG, counter, fail, let_pass, limits, locked, lockouts_of, sign_in

pytestmark = pytest.mark.django_db


def test_below_the_limit_the_right_password_lets_in(ada: Any) -> None:
    fail("ada", LIMIT - 1)
    assert sign_in("ada")


def test_at_the_limit_even_the_right_password_is_refused_and_not_looked_at(ada: Any) -> None:
    locked("ada")
    assert hash_spy.hashed() == LIMIT
    assert not sign_in("ada")
    assert not sign_in("ada", WRONG)
    assert hash_spy.hashed() == LIMIT


def test_the_lock_is_on_record_with_whose_it_is_since_when_and_until_when(ada: Any) -> None:
    locked("ada", REMOTE_ADDR="198.51.100.7")
    [lockout] = lockouts_of(ada)
    assert (lockout.kind, lockout.failure_count, lockout.ip) == (LockKind.ACCOUNT, LIMIT, "198.51.100.7")
    assert lockout.stands
    assert lockout.until - lockout.since == timedelta(minutes=1)
    assert abs(lockout.since - timezone.now()) < timedelta(minutes=1)
    [event] = AuditEvent.objects.filter(action=Action.LOCKED)
    assert event.user_key == lockout.user_key
    assert event.detail["lockout"] == str(lockout.pk)


def test_a_lockout_keeps_where_its_failures_came_from(ada: Any) -> None:
    fail("ada", REMOTE_ADDR="198.51.100.7")
    let_pass(timedelta(minutes=16))
    for ip in ("203.0.113.5", "2001:db8::1", "203.0.113.5", "2001:db8:0:0:0:0:0:2", "203.0.113.5"):
        fail("ada", REMOTE_ADDR=ip)
    [lockout] = lockouts_of(ada)
    assert lockout.sources == {"203.0.113.5": 3, "2001:db8::1": 1, "2001:db8::2": 1}
    assert lockout.ip == "203.0.113.5"


def test_the_most_frequent_twenty_sources_are_kept_of_a_flood(ada: Any, settings: Any) -> None:
    limits(settings, account=60, source=None)
    fail("ada", 2, REMOTE_ADDR="203.0.113.99")
    for number in range(58):
        fail("ada", REMOTE_ADDR=f"203.0.113.{number}")
    [lockout] = lockouts_of(ada)
    assert (len(lockout.sources), lockout.sources["203.0.113.99"]) == (20, 2)


def test_after_the_wait_the_right_password_lets_in(ada: Any) -> None:
    locked("ada")
    let_pass(timedelta(seconds=61))
    assert sign_in("ada")


def test_failures_older_than_the_window_do_not_count(ada: Any) -> None:
    fail("ada", 2)
    let_pass(timedelta(minutes=10))
    fail("ada", 2)
    let_pass(timedelta(minutes=6))
    fail("ada", 2)
    assert not Lockout.objects.exists()
    fail("ada")
    assert Lockout.objects.count() == 1


@pytest.mark.attack(52)
def test_tries_during_a_lock_do_not_prolong_it(ada: Any) -> None:
    locked("ada")
    for _ in range(6):
        let_pass(timedelta(seconds=9))
        fail("ada", 3)
    let_pass(timedelta(seconds=7))
    assert sign_in("ada")


@pytest.mark.attack(52)
def test_waits_grow_up_to_their_cap_and_shrink_after_a_quiet_time(ada: Any) -> None:
    waits = []
    for _ in range(5):
        locked("ada")
        lockout = Lockout.objects.latest("pk")
        waits.append(lockout.until - lockout.since)
        let_pass(waits[-1] + timedelta(seconds=1))
    assert [wait.total_seconds() / 60 for wait in waits] == [1, 5, 15, 15, 15]
    let_pass(timedelta(hours=1))
    locked("ada")
    lockout = Lockout.objects.latest("pk")
    assert lockout.until - lockout.since == timedelta(minutes=1)


def test_a_success_gives_back_its_own_slot_and_no_failure(ada: Any) -> None:
    fail("ada", LIMIT - 1)
    for _ in range(3):
        assert sign_in("ada")
    fail("ada")
    assert not sign_in("ada")


def test_the_table_never_says_whose_failures_they_are(ada: Any) -> None:
    locked("ada")
    fail("correct horse battery staple")
    for row in LoginCounter.objects.values():
        assert "ada" not in str(row)
        assert "horse" not in str(row)
    assert counter("correct horse battery staple") is not None
    assert "horse" not in str([*Lockout.objects.values(), *trail(Action.LOCKED)])
