"""What a caller rolls back takes no failure back: on PostgreSQL counters have a connection of their own then."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.signals import request_finished
from django.db import connection, connections, transaction
from django.test import Client

from recovery import lockouts
from recovery.models import AuditEvent, Lockout
from recovery.reasons import Action
from tests import hash_spy
from tests.factories import PASSWORD, UserFactory
from tests.lockouts.doors import by_basic, by_session, by_token
from tests.signing_in import LIMIT, WRONG, counter, fail, sign_in

transactional = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.fixture
def atomic_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A site that keeps its connections."""
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 600)
    yield
    lockouts.close()


def there_are(wanted: int) -> bool:
    """Whether there are so many connections to this database; those that were closed go when the server gets to it."""
    last = time.monotonic() + 10
    while sessions() != wanted and time.monotonic() < last:
        pass
    return sessions() == wanted


def sessions() -> int:
    counted = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = %s"
    with connection.cursor() as cursor:
        cursor.execute(counted, ["client backend"])
        return int(cursor.fetchone()[0])


class TestOutside:
    """With rows that others see."""

    pytestmark = transactional

    @pytest.mark.attack(47, 106)
    @pytest.mark.usefixtures("atomic_requests")
    @pytest.mark.parametrize("door", [by_session, by_basic, by_token])
    def test_what_rest_framework_rolls_back_is_counted(self, settings: Any, ada: Any, door: Any) -> None:
        settings.ROOT_URLCONF = "tests.lockouts.urls"
        for _ in range(LIMIT + 3):
            assert not door(Client(), "ada", WRONG)
        assert hash_spy.hashed() == LIMIT
        assert Lockout.objects.count() == AuditEvent.objects.filter(action=Action.LOCKED).count() == 1
        assert not door(Client(), "ada", PASSWORD)

    @pytest.mark.usefixtures("atomic_requests")
    def test_a_site_of_atomic_requests_lets_in_and_locks(self, ada: Any) -> None:
        assert sign_in("ada")
        fail("ada", LIMIT)
        assert not sign_in("ada")

    def test_any_transaction_of_the_caller_is_left_alone(self, ada: Any) -> None:
        with transaction.atomic():
            made = UserFactory.create(username="bob")
            assert authenticate(username="bob", password=WRONG) is None
            assert authenticate(username="bob", password=PASSWORD) == made
            transaction.set_rollback(True)
        assert counter("bob").failed == 1
        assert not type(made).objects.filter(username="bob").exists()

    def test_a_site_that_commits_by_hand_is_left_alone(self, ada: Any) -> None:
        transaction.set_autocommit(False)
        try:
            assert authenticate(username="ada", password=WRONG) is None
            transaction.rollback()
        finally:
            transaction.set_autocommit(True)
        assert counter("ada").failed == 1

    def test_outside_of_transactions_there_is_one_connection(self, ada: Any) -> None:
        fail("ada")
        assert there_are(1)

    def test_the_second_is_closed_where_the_site_closes_its_own(self, ada: Any) -> None:
        with transaction.atomic():
            authenticate(username="ada", password=WRONG)
        request_finished.disconnect(lockouts.close_old, dispatch_uid="recovery")
        request_finished.send(sender=None)
        request_finished.connect(lockouts.close_old, dispatch_uid="recovery")
        assert there_are(2)
        lockouts.close_old()
        assert there_are(1)

    @pytest.mark.usefixtures("kept")
    def test_and_kept_where_the_site_keeps_its_own(self, ada: Any) -> None:
        for _ in range(3):
            with transaction.atomic():
                authenticate(username="ada", password=WRONG)
            lockouts.close_old()
            assert there_are(2)

    @pytest.mark.usefixtures("atomic_requests")
    def test_the_end_of_a_request_closes_it(self, ada: Any) -> None:
        fail("ada")
        request_finished.send(sender=None)
        assert there_are(1)

    def test_the_callers_connection_is_back_even_after_an_error(self, ada: Any) -> None:
        callers = connections["default"]
        with transaction.atomic(), contextlib.suppress(LookupError), lockouts.apart():
            assert connections["default"] is not callers
            raise LookupError
        assert connections["default"] is callers


@pytest.mark.django_db
def test_in_a_test_case_of_the_site_everything_is_rolled_back_with_it(ada: Any) -> None:
    """A second connection would not see what the test has written, and wait for it for ever."""
    fail("ada")
    with transaction.atomic():
        authenticate(username="ada", password=WRONG)
        assert counter("ada").failed == 2
        transaction.set_rollback(True)
    assert counter("ada").failed == 1
