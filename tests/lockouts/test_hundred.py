"""After a hundred failures in a row, whatever the limits, an account opens from known devices and by recovery alone
(NIST SP 800-63B-4 section 3.2.2)."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from recovery import lockouts
from recovery.lockouts import Attempt
from recovery.models import Lockout, LoginCounter
from recovery.reasons import LockKind, LockLift
from tests import hash_spy
from tests.asking import NEW_PASSWORD, set_password
from tests.factories import StaffFactory
from tests.following import mailed_link, opened
from tests.people.models import Reader
from tests.signing_in import LIMIT, counter, fail, let_pass, limits, lockouts_of, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.attack(56)]


def guess(name: str, times: int) -> None:
    """From as many places as tries, each lock waited for."""
    for number in range(times):
        fail(name, REMOTE_ADDR=f"198.51.{number // 250}.{number % 250}")
        let_pass(timedelta(minutes=16) if number % LIMIT == LIMIT - 1 else timedelta(seconds=1))


def failed_a_hundred_times(name: str) -> None:
    """As after ``guess(name, 100)``, which takes long."""
    fail(name)
    LoginCounter.objects.filter(pk=lockouts.of_name(name)).update(streak=99)
    fail(name)
    hash_spy.forget()


def test_whatever_the_limits_the_hundredth_failure_is_the_last(settings: Any, ada: Any) -> None:
    limits(settings, account=100)
    guess("ada", 100)
    assert hash_spy.hashed() == 100
    assert not sign_in("ada")
    assert hash_spy.hashed() == 100


def test_through_all_locks_a_botnet_gets_a_hundred_guesses(ada: Any) -> None:
    guess("ada", 130)
    assert hash_spy.hashed() == 100
    *earlier, last = lockouts_of(ada)
    assert [each.until is None for each in earlier] == [False] * len(earlier)
    assert (last.kind, last.until, last.failure_count) == (LockKind.ACCOUNT, None, 100)
    let_pass(timedelta(days=80))
    assert not sign_in("ada")
    assert hash_spy.hashed() == 100


def test_a_name_without_account_ends_alike(ada: Any) -> None:
    failed_a_hundred_times("nobody")
    fail("nobody")
    assert hash_spy.hashed() == 0
    last = Lockout.objects.latest("pk")
    assert (last.user_key, last.until) == ("", None)


def test_a_new_password_over_a_link_ends_it(ada: Any) -> None:
    failed_a_hundred_times("ada")
    client, form = opened(mailed_link(ada))
    set_password(client, form)
    assert lockouts_of(ada)[-1].lifted_by == LockLift.RESET
    fail("ada", 4)
    assert sign_in("ada", NEW_PASSWORD)


def test_staff_can_end_it(ada: Any) -> None:
    failed_a_hundred_times("ada")
    assert lockouts.lift(lockouts_of(ada)[-1], actor=StaffFactory.create(), reason="called back")
    assert sign_in("ada")


def test_a_success_begins_the_row_anew(ada: Any) -> None:
    fail("ada")
    LoginCounter.objects.filter(pk=lockouts.of_name("ada")).update(streak=99)
    assert sign_in("ada")
    assert counter("ada").streak == 0
    fail("ada")
    assert sign_in("ada")


def test_a_known_device_stays_open(ada: Any) -> None:
    failed_a_hundred_times("ada")
    attempt = Attempt(lockouts.counters("ada", source="192.0.2.1", device="of hers"), whose=lambda: str(ada.pk))
    assert attempt.enter()
    assert attempt.succeed(ada)
    assert not sign_in("ada")


def test_a_known_device_has_a_hundred_of_its_own(ada: Any) -> None:
    judged = 0
    for _ in range(130):
        attempt = Attempt(lockouts.counters("ada", device="stolen"), whose=lambda: str(ada.pk))
        if attempt.enter():
            judged += 1
            attempt.fail()
        let_pass(timedelta(minutes=4))
    assert judged == 100
    last = Lockout.objects.latest("pk")
    assert (last.kind, last.until) == (LockKind.DEVICE, None)
    assert sign_in("ada")


def test_who_has_failed_often_is_remembered_for_long_and_who_has_not_for_a_day(ada: Any) -> None:
    fail("bob", 4)
    fail("ada", LIMIT)
    kept = {name: counter(name) for name in ("ada", "bob")}
    let_pass(timedelta(hours=27))
    assert lockouts.purge() >= 1
    assert counter("bob") is None
    assert counter("ada") is not None
    assert kept["ada"].forget_at - kept["bob"].forget_at > timedelta(days=80)


def test_a_name_that_nobody_has_is_remembered_for_long_too_once_five_failed_in_a_row() -> None:
    """Without a lock between them: else whether it is locked at the hundredth would soon tell that nobody has it."""
    fail("bob", 4)
    let_pass(timedelta(hours=20))
    fail("bob")
    assert not Lockout.objects.exists()
    let_pass(timedelta(days=80))
    lockouts.purge()
    assert counter("bob").streak == 5


def test_slow_guessing_does_not_begin_the_row_anew(ada: Any) -> None:
    """Four an hour never lock, and four a day are no more than a name that nobody has may be remembered for."""
    for _ in range(25):
        fail("ada", 4)
        let_pass(timedelta(hours=30))
        lockouts.purge()
    assert not sign_in("ada")
    assert hash_spy.hashed() == 100


def test_a_row_of_an_account_is_remembered_until_a_success(ada: Any) -> None:
    fail("ada", 2, REMOTE_ADDR="")
    for _ in range(10):
        let_pass(timedelta(days=91))
        assert lockouts.outlook() == lockouts.purge() == 0
    assert counter("ada").streak == 2
    assert sign_in("ada", REMOTE_ADDR="")
    let_pass(timedelta(hours=27))
    assert lockouts.outlook() == lockouts.purge() == 1
    assert counter("ada") is None


def test_it_is_found_among_thousands_of_accounts_and_names(ada: Any) -> None:
    """Whatever the database takes for the order of names."""
    users = get_user_model()
    users.objects.bulk_create(users(username=f"{'aZé_'[number % 4]}{number}") for number in range(2100))
    guessed = ["ada", "é2098", "Z1", "a0", "_2099", "Z2097"]
    for name in [*guessed, "nobody"]:
        fail(name)
    let_pass(timedelta(hours=27))
    assert lockouts.outlook() == lockouts.purge() == 2  # nobody's, and that of the place
    assert [counter(name).streak for name in guessed] == [1] * len(guessed)


def test_an_account_without_a_name_stops_no_purge(settings: Any) -> None:
    settings.AUTH_USER_MODEL = Reader._meta.label
    Reader.objects.create(email=None)
    Reader.objects.create(email="ada@example.org")
    fail("ada@example.org")
    fail("nobody")
    let_pass(timedelta(hours=27))
    lockouts.purge()
    assert (counter("ada@example.org").streak, counter("nobody")) == (1, None)


def on_device(ada: Any, number: str) -> Attempt:
    attempt = Attempt(lockouts.counters("ada", device=number), whose=lambda: str(ada.pk))
    assert attempt.enter()
    return attempt


def test_a_row_of_a_known_device_is_remembered_for_as_long_as_its_cookie(ada: Any) -> None:
    on_device(ada, "hers").fail()
    let_pass(timedelta(days=399))
    assert lockouts.purge() == 0
    let_pass(timedelta(days=2))
    assert lockouts.purge() == 1


def test_a_lock_of_a_known_device_makes_it_no_shorter(ada: Any) -> None:
    for _ in range(LIMIT):
        on_device(ada, "hers").fail()
    let_pass(timedelta(days=399))
    assert lockouts.purge() == 0


def test_a_known_device_that_let_in_is_forgotten_after_a_day(ada: Any) -> None:
    on_device(ada, "hers").fail()
    assert on_device(ada, "hers").succeed(ada)
    let_pass(timedelta(hours=27))
    assert lockouts.purge() == 1


def test_tries_that_were_refused_are_not_of_the_row(ada: Any) -> None:
    fail("ada", 4 * LIMIT)
    assert counter("ada").streak == LIMIT
