"""What is kept of sign-ins, for how long, and that neither clocks nor the broker have a say in it."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from recovery import lockouts, retention
from recovery.models import Lockout, LoginCounter
from tests import hash_spy
from tests.asking import statements
from tests.factories import StaffFactory
from tests.signing_in import LIMIT, counter, fail, let_pass, locked, sign_in

pytestmark = pytest.mark.django_db


@pytest.mark.attack(60)
def test_counters_of_random_names_go_after_a_day_and_those_that_say_something_stay(ada: Any) -> None:
    for number in range(20):
        fail(f"random{number}", REMOTE_ADDR=f"198.51.100.{number}")
    lockouts.lock(ada, actor=StaffFactory.create(), reason="left the company")
    let_pass(timedelta(hours=20))
    fail("recent")
    assert lockouts.purge() == 0
    let_pass(timedelta(hours=6))
    assert lockouts.outlook() == retention.outlook().login_counters == 40
    assert retention.purge().login_counters == 40
    assert counter("recent") is not None
    let_pass(timedelta(days=800))
    retention.purge()
    assert not sign_in("ada")


@pytest.mark.attack(60)
def test_they_are_found_and_purged_by_an_index(ada: Any) -> None:
    with statements() as found:
        fail("ada")
    asked = [text for text in found.texts if "recovery_logincounter" in text]
    assert len(asked) == 2
    [oldest] = [str(lockouts.purgeable().order_by("forget_at").values_list("pk", flat=True)[:1000].query)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{oldest}")
        assert "recovery_login_forget" in str(cursor.fetchall())


@pytest.mark.attack(110)
def test_lockouts_that_are_over_go_with_the_requests_and_those_that_stand_stay(ada: Any) -> None:
    locked("nobody")
    standing = lockouts.lock(ada, actor=StaffFactory.create(), reason="left the company")
    let_pass(timedelta(days=401))
    assert retention.outlook().lockouts == 1
    assert retention.purge().lockouts == 1
    assert list(Lockout.objects.all()) == [standing]


@pytest.mark.attack(61)
@pytest.mark.parametrize("off", [timedelta(minutes=-5), timedelta(minutes=5), timedelta(days=-3), timedelta(days=3)])
def test_a_worker_whose_clock_is_off_decides_alike(ada: Any, off: timedelta) -> None:
    with time_machine.travel(timezone.now() + off):
        fail("ada", 2)
    fail("ada", LIMIT - 2)
    for travelled in (timedelta(0), off):
        with time_machine.travel(timezone.now() + travelled):
            assert not sign_in("ada")
    assert hash_spy.hashed() == LIMIT
    let_pass(timedelta(seconds=61))
    with time_machine.travel(timezone.now() + off):
        assert sign_in("ada")


@pytest.mark.attack(59)
def test_with_the_broker_gone_the_bound_holds(ada: Any, settings: Any) -> None:
    settings.CELERY_BROKER_URL = settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": settings.REDIS_URL}
    }
    fail("ada", 4 * LIMIT)
    assert hash_spy.hashed() == LIMIT
    assert not sign_in("ada")
    assert list(lockouts.untold()) == list(Lockout.objects.all())


@pytest.mark.attack(62)
def test_a_lock_is_lifted_once_and_frees_nobody_else(ada: Any) -> None:
    agent = StaffFactory.create()
    locked("ada", REMOTE_ADDR="198.51.100.7")
    locked("bob", REMOTE_ADDR="198.51.100.7")
    [hers] = Lockout.objects.filter(user_key=str(ada.pk))
    source = LoginCounter.objects.get(pk=lockouts.of_source("198.51.100.7"))
    assert [lockouts.lift(hers, actor=agent, reason="called back") for _ in range(3)] == [True, False, False]
    assert sign_in("ada")
    assert not sign_in("bob")
    assert LoginCounter.objects.get(pk=source.pk).failed == source.failed
