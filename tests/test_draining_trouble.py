"""A drain whose database or sender fails: what has left is noted, the rest is given back, no mail holds up another."""

from typing import Any

import pytest
from django.db import DataError, OperationalError, connection

from recovery import delivery
from recovery.models import Email
from recovery.reasons import EmailState
from tests.following import failing, notice, notices
from tests.ways_out import told

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_mail_whose_outcome_the_database_does_not_take_keeps_no_other_waiting(settings: Any) -> None:
    emails = notices(6)
    key = emails[3].pk.hex if connection.vendor == "sqlite" else str(emails[3].pk)

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "from_states" in sql and key in str(params):
            raise DataError("a number too large")
        return execute(sql, params, many, context)

    with told(settings, CONNECTIONS=1) as given, connection.execute_wrapper(refuse):
        delivery.drain()
    assert len(given) == 6
    assert Email.objects.filter(state=EmailState.HANDED_OVER).count() == 5
    assert Email.objects.get(pk=emails[3].pk).state == EmailState.SENDING


def test_a_note_outlives_a_database_that_is_away_for_a_moment(settings: Any) -> None:
    email, away = notice(), iter([True, True])

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "from_states" in sql and next(away, False):
            raise OperationalError("the server went away")
        return execute(sql, params, many, context)

    with told(settings) as given, connection.execute_wrapper(refuse):
        assert delivery.deliver(email.pk) == EmailState.HANDED_OVER
    assert len(given) == 1
    assert delivery.deliver(email.pk) is None


def test_a_drain_that_breaks_off_notes_what_has_left_and_gives_back_the_rest(settings: Any) -> None:
    notices(40)
    claims = 0

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal claims
        claims += "attempt_count + 1" in sql
        if claims > 3 and "attempt_count + 1" in sql:
            raise OperationalError("the server went away")
        return execute(sql, params, many, context)

    with told(settings, CONNECTIONS=4) as given, connection.execute_wrapper(refuse), pytest.raises(OperationalError):
        delivery.drain()
    assert given
    left = Email.objects.filter(state=EmailState.HANDED_OVER).count()
    assert left == len(given)
    assert not Email.objects.filter(state=EmailState.SENDING).exists()


def test_a_mail_whose_sender_breaks_in_a_way_that_nobody_foresaw_is_doubtful_and_holds_nothing_up(
    settings: Any,
) -> None:
    emails = notices(6)

    def then(message: Any) -> None:
        if message.to == [emails[2].recipient]:
            raise SystemExit

    with told(settings, then, CONNECTIONS=2):
        delivery.drain()
    emails[2].refresh_from_db()
    assert emails[2].state == EmailState.UNKNOWN
    assert Email.objects.filter(state=EmailState.HANDED_OVER).count() == 5


def test_a_drain_without_the_database_ends_and_says_so(settings: Any) -> None:
    notices(3)
    with failing(r"attempt_count \+ 1"), pytest.raises(OperationalError):
        delivery.drain()
    assert set(Email.objects.values_list("state", flat=True)) == {EmailState.QUEUED}
