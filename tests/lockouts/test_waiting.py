"""While passwords are judged their slots are taken: others wait, and what a dead process held is a failure."""

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import aauthenticate, authenticate
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone

from recovery import lockouts
from recovery.lockouts import Admission, Attempt, counting
from recovery.models import Lockout, LoginCounter
from tests.factories import PASSWORD, StaffFactory
from tests.signing_in import LIMIT, counter, fail, let_pass, limits, sign_in

pytestmark = pytest.mark.django_db


def attempt(name: str = "ada", source: str = "192.0.2.1") -> Attempt:
    return Attempt(lockouts.counters(name, source=source), whose=lambda: "")


def test_up_to_the_limit_tries_are_admitted_at_once_and_the_next_wait() -> None:
    held = [attempt() for _ in range(LIMIT)]
    assert [each.take() for each in held] == [Admission.ADMITTED] * LIMIT
    late = attempt()
    assert late.take() == Admission.WAITS
    held[0].give_back()
    assert late.take() == Admission.ADMITTED


def test_failures_and_tries_that_are_judged_share_the_slots() -> None:
    fail("ada", LIMIT - 1)
    first, second = attempt(), attempt()
    assert first.take() == Admission.ADMITTED
    assert second.take() == Admission.WAITS
    first.fail()
    assert second.take() == Admission.REFUSED
    assert second.refused_until == Lockout.objects.get().until


def test_who_waits_leaves_no_slot_taken_elsewhere(settings: Any) -> None:
    limits(settings, source=LIMIT + 1)
    held = [attempt() for _ in range(LIMIT)]
    assert [each.take() for each in held] == [Admission.ADMITTED] * LIMIT
    for _ in range(3):
        assert attempt().take() == Admission.WAITS
    assert attempt("bob").take() == Admission.ADMITTED
    assert attempt("cleo").take() == Admission.WAITS
    assert counter("cleo") is None


@pytest.mark.attack(47)
def test_what_a_dead_process_held_counts_as_failures_after_ten_seconds(ada: Any) -> None:
    for _ in range(LIMIT):
        assert attempt().take() == Admission.ADMITTED
    let_pass(timedelta(seconds=9))
    assert attempt().take() == Admission.WAITS
    let_pass(timedelta(seconds=2))
    assert attempt().take() == Admission.REFUSED
    assert Lockout.objects.count() == 1
    let_pass(timedelta(seconds=61))
    assert sign_in("ada")


def test_what_a_dead_process_held_is_forgotten_with_the_window(ada: Any) -> None:
    fail("ada", LIMIT - 1)
    assert attempt().take() == Admission.ADMITTED
    let_pass(timedelta(minutes=16))
    assert sign_in("ada", PASSWORD)
    assert not Lockout.objects.exists()


def test_a_success_that_came_after_its_ten_seconds_gives_back_all_the_same(ada: Any) -> None:
    slow = attempt()
    slow.take()
    let_pass(timedelta(seconds=20))
    assert slow.succeed(ada)
    assert counter("ada").slots == {}


def test_a_failure_that_came_after_the_lock_is_not_counted_twice() -> None:
    late = attempt()
    late.take()
    fail("ada", LIMIT - 1)
    let_pass(timedelta(seconds=20))
    assert attempt().take() == Admission.REFUSED
    late.fail()
    assert (counter("ada").taken, counter("ada").failed, counter("ada").slots) == (0, 0, {})


def test_what_is_counted_and_what_is_there_are_the_same(ada: Any) -> None:
    held = [attempt() for _ in range(3)]
    for each in held:
        each.take()
    fail("ada", REMOTE_ADDR="192.0.2.1")
    held[0].fail()
    held[1].give_back()
    for row in LoginCounter.objects.all():
        assert (row.taken, row.failed) == (len(row.slots), 2)
    held[2].succeed(ada)
    own, source = counter("ada"), LoginCounter.objects.exclude(pk=lockouts.of_name("ada")).get(taken=0)
    assert (own.taken, own.failed, len(own.slots)) == (2, 2, 2)
    assert (source.failed, source.slots) == (0, {})


def test_a_success_that_came_after_a_lock_leaves_the_lock_as_it_is(ada: Any) -> None:
    """Its row is begun anew by a statement of its own, and another try may lock between the two."""
    fail("ada", LIMIT - 1)
    right = attempt()
    assert right.take() == Admission.ADMITTED
    kept = timezone.now() + timedelta(days=90)

    def lock_first(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "streak = greatest(taken" in sql or "streak = max(taken" in sql:
            now = timezone.now()
            LoginCounter.objects.update(locked_until=now + timedelta(minutes=1), forget_at=kept)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(lock_first):
        assert right.succeed(ada)
    assert (counter("ada").forget_at, counter("ada").streak) == (kept, LIMIT - 1)


def test_an_account_that_staff_shut_meanwhile_is_refused_though_its_slot_is_gone(ada: Any) -> None:
    slow = attempt()
    slow.take()
    LoginCounter.objects.update(slots={}, taken=0)
    lockouts.lock(ada, actor=StaffFactory.create(), reason="left the company")
    assert not slow.succeed(ada)
    assert slow.refused_until is not None


def test_who_slipped_once_at_a_full_source_has_one_try_more_and_not_two_at_once(settings: Any) -> None:
    limits(settings, account=100, source=3)
    for name in ("ada", "bob", "cleo"):
        fail(name, REMOTE_ADDR="192.0.2.1")
    first, second = attempt(), attempt()
    assert (first.take(), second.take()) == (Admission.ADMITTED, Admission.WAITS)
    first.fail()
    assert second.take() == Admission.REFUSED


def test_while_the_hundredth_is_judged_the_next_waits_for_it_may_be_right(ada: Any) -> None:
    fail("ada")
    LoginCounter.objects.filter(pk=lockouts.of_name("ada")).update(streak=99)
    hundredth, late = attempt(), attempt()
    assert (hundredth.take(), late.take()) == (Admission.ADMITTED, Admission.WAITS)
    assert not Lockout.objects.exists()
    assert hundredth.succeed(ada)
    assert late.take() == Admission.ADMITTED


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", [authenticate, async_to_sync(aauthenticate)], ids=["sync", "async"])
def test_who_waited_in_vain_is_refused_and_told_until_when(monkeypatch: Any, ada: Any, way: Any) -> None:
    monkeypatch.setattr(counting, "PATIENCE", 0.01)  # seconds
    held = [attempt() for _ in range(LIMIT)]
    assert [each.take() for each in held] == [Admission.ADMITTED] * LIMIT
    request = RequestFactory().post("/")
    assert way(request, username="ada", password=PASSWORD) is None
    assert request.recovery_wait > timezone.now()
