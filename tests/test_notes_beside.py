"""Where mail leaves fast, PostgreSQL writes one note while the next mails are made; SQLite is one writer, and is not
asked to. What comes of it is the same."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.backends.signals import connection_created
from django.utils import timezone

from recovery import delivery, resets
from recovery.delivery import pace
from recovery.models import Email, EmailEvent, ResetToken
from recovery.reasons import EmailState
from tests.asking import ask, asked, browser
from tests.factories import UserFactory
from tests.following import let_pass, notices
from tests.ways_out import told

pytestmark = pytest.mark.django_db(transaction=True)

END_THE_OTHERS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
TABLES = (Email._meta.db_table, EmailEvent._meta.db_table)
REFUSE = {
    "sqlite": """CREATE TRIGGER odd BEFORE UPDATE ON recovery_email WHEN NEW.id = '{key.hex}'
        AND NEW.state = 'handed_over' BEGIN SELECT RAISE(ABORT, 'refused'); END""",
    "postgresql": """CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE 'refused' USING ERRCODE = 'LIB01'; END $$;
        CREATE TRIGGER odd BEFORE UPDATE ON recovery_email FOR EACH ROW
        WHEN (NEW.id = '{key}' AND NEW.state = 'handed_over') EXECUTE FUNCTION odd()""",
}
DAWDLE = {
    "sqlite": "CREATE TRIGGER odd BEFORE UPDATE ON recovery_email BEGIN SELECT 1; END",
    "postgresql": """CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END $$;
        CREATE TRIGGER odd AFTER INSERT ON recovery_emailevent FOR EACH STATEMENT EXECUTE FUNCTION odd()""",
}
RELENT = {
    "sqlite": "DROP TRIGGER odd",
    "postgresql": "DROP FUNCTION odd CASCADE",
}


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@contextmanager
def odd_database(sql: str) -> Iterator[None]:
    run(sql)
    try:
        yield
    finally:
        run(RELENT[connection.vendor])


@contextmanager
def connections_made(*, refused: int = 0) -> Iterator[list[Any]]:
    """Those that were made meanwhile; the server refuses the first so many."""
    made: list[Any] = []

    def look(connection: Any, **more: Any) -> None:
        made.append(connection)
        if len(made) <= refused:
            raise OperationalError("sorry, too many clients already")

    connection_created.connect(look)
    try:
        yield made
    finally:
        connection_created.disconnect(look)


def noted() -> tuple[int, int, int]:
    """Mails that were handed over, events that say so, mails of which they speak."""
    events = EmailEvent.objects.filter(kind=EmailState.HANDED_OVER)
    mails = events.values("email").distinct().count()
    return Email.objects.filter(state=EmailState.HANDED_OVER).count(), events.count(), mails


def test_notes_of_fast_mail_have_one_connection_more_which_ends_with_the_drain(settings: Any) -> None:
    notices(100)
    with told(settings, CONNECTIONS=4) as given, connections_made() as made:
        assert delivery.drain() == delivery.Drained(tried=100, left=False)
    assert len(given) == 100
    assert noted() == (100, 100, 100)
    assert len(made) == (connection.vendor == "postgresql")
    assert not any(each.connection for each in made)


def test_a_few_mails_need_no_connection_more(settings: Any) -> None:
    notices(12)
    with told(settings, CONNECTIONS=4), connections_made() as made:
        delivery.drain()
    assert (noted(), made) == ((12, 12, 12), [])


def test_inside_a_transaction_of_the_caller_it_is_all_written_there(settings: Any) -> None:
    notices(100)
    with told(settings, CONNECTIONS=4), connections_made() as made, transaction.atomic():
        delivery.drain()
        assert noted() == (100, 100, 100)
    assert made == []


def test_where_the_caller_commits_it_is_all_written_there(settings: Any) -> None:
    notices(100)
    connection.set_autocommit(False)
    try:
        with told(settings, CONNECTIONS=4), connections_made() as made:
            delivery.drain()
        assert noted() == (100, 100, 100)
    finally:
        connection.rollback()
        connection.set_autocommit(True)
    assert made == []


def test_never_are_more_mails_sent_and_not_noted_than_there_are_connections(settings: Any) -> None:
    """Also while a note is being written by a server that takes its time."""
    notices(100)
    most = 0

    def look(message: Any) -> None:
        nonlocal most
        if threading.current_thread() is threading.main_thread():  # a connection for each mail would not be fast
            most = max(most, len(given) - EmailEvent.objects.filter(kind=EmailState.HANDED_OVER).count())

    with odd_database(DAWDLE[connection.vendor]), told(settings, look, CONNECTIONS=4) as given:
        delivery.drain()
    assert 2 <= most <= 4
    assert noted() == (100, 100, 100)


def test_the_life_of_links_begins_when_they_leave_however_fast_that_is(settings: Any) -> None:
    for number, user in enumerate(UserFactory.create_batch(40), 1):
        ask(browser(), user.email, REMOTE_ADDR=f"192.0.2.{number}")
        resets.decide(asked().pk)
    notices(60)
    let_pass(timedelta(minutes=5))
    with told(settings, CONNECTIONS=4):
        delivery.drain()
    assert noted() == (100, 100, 100)
    ends = ResetToken.objects.values_list("expires_at", flat=True)
    assert len(ends) == 40
    assert timedelta(minutes=57) < min(ends) - timezone.now() <= max(ends) - timezone.now() < timedelta(hours=1)


def test_a_server_that_takes_no_connection_more_costs_no_note(settings: Any) -> None:
    notices(100)
    with told(settings, CONNECTIONS=4) as given, connections_made(refused=1):
        assert delivery.drain().tried == 100
    assert len(given) == 100
    assert noted() == (100, 100, 100)


def test_mails_that_hang_in_threads_hold_up_no_other(settings: Any) -> None:
    notices(60)
    others, came = threading.Event(), list[bool]()

    def then(message: Any) -> None:
        if len(came) < 2 and threading.current_thread() is not threading.main_thread() and len(hanging) < 2:
            hanging.append(message)
            came.append(others.wait(30))
        elif len(given) == 60:
            others.set()

    hanging: list[Any] = []
    with told(settings, then, CONNECTIONS=4) as given:
        delivery.drain()
    assert came == [True, True]
    assert noted() == (60, 60, 60)


def test_other_threads_go_on_while_a_note_waits(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one holds the rows that it is about, until it has long seen somebody wait for them, and who."""
    # The mail that starts the other thread takes as long as this machine needs for it: mail is quick all the same.
    monkeypatch.setattr(pace, "NOT_QUICK", 60.0)
    notices(100)
    held, blocked = threading.Event(), list[int]()

    def hold() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT id FROM recovery_email WHERE state = 'sending' FOR UPDATE")
                held.set()
                looks, sent = 0, 0
                # Once all are sent, the worker itself writes the last notes, and may wait as well.
                while (looks < 20 or not blocked) and len(given) < 100:
                    cursor.execute("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                    waiting = [pid for (pid,) in cursor.fetchall()]
                    blocked.extend(waiting if len(given) < 100 else ())
                    looks, sent = looks + 1 if sent == len(given) else 0, len(given)
        finally:
            connection.close()

    def then(message: Any) -> None:
        if connection.vendor == "postgresql" and len(given) == 50:
            other.start()
            held.wait(30)

    def not_for_ever(connection: Any, **more: Any) -> None:
        if connection.vendor == "postgresql":
            connection.connection.execute("SET lock_timeout = '90s'")

    other = threading.Thread(target=hold)
    connection_created.connect(not_for_ever)
    try:
        with told(settings, then, CONNECTIONS=4) as given, connections_made() as made:
            delivery.drain()
            if connection.vendor == "postgresql":
                other.join()
                assert blocked
                assert connection.connection.info.backend_pid not in blocked
                assert len(made) == 2
    finally:
        connection_created.disconnect(not_for_ever)
    assert noted() == (100, 100, 100)


def test_a_connection_that_the_server_ends_costs_no_note_and_doubles_none(settings: Any) -> None:
    notices(100)

    def then(message: Any) -> None:
        if connection.vendor == "postgresql" and len(given) == 50:
            run(END_THE_OTHERS)

    with told(settings, then, CONNECTIONS=4) as given, connections_made() as made:
        delivery.drain()
    assert len({message.to[0] for message in given}) == len(given) == 100
    assert noted() == (100, 100, 100)
    assert len(made) == (connection.vendor == "postgresql")


def test_a_connection_that_does_not_see_our_rows_costs_no_note(settings: Any) -> None:
    """Where each tenant has tables of the same names in a schema of its own, which the worker has chosen."""
    notices(100)

    def look(connection: Any, **more: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET search_path TO another, public")

    if connection.vendor == "postgresql":
        tables = "; ".join(f"CREATE TABLE another.{name} (LIKE public.{name} INCLUDING ALL)" for name in TABLES)
        run(f"CREATE SCHEMA another; {tables}")
    connection_created.connect(look)
    try:
        with told(settings, CONNECTIONS=4) as given:
            assert delivery.drain().tried == 100
    finally:
        connection_created.disconnect(look)
        if connection.vendor == "postgresql":
            run("DROP SCHEMA another CASCADE")
    assert len(given) == 100
    assert noted() == (100, 100, 100)


def test_one_mail_whose_note_is_refused_keeps_no_other_waiting(settings: Any) -> None:
    emails = notices(100)
    with odd_database(REFUSE[connection.vendor].format(key=emails[50].pk)), told(settings, CONNECTIONS=4) as given:
        delivery.drain()
    assert len(given) == 100
    assert noted() == (99, 99, 99)
    assert Email.objects.get(pk=emails[50].pk).state == EmailState.SENDING
