"""Somebody stops the worker while a note is being written beside: what was sent is noted all the same."""

import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections
from django.db.backends.signals import connection_created

from recovery import delivery
from recovery.delivery import beside
from recovery.models import Email, EmailEvent
from recovery.reasons import EmailState
from tests.following import notices
from tests.ways_out import told

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.fixture(autouse=True)
def an_interrupt_is_heard() -> Iterator[None]:
    """Also where a shell started this in the background, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def waits_for_its_note() -> bool:
    """Whether the main thread stands where it waits for what is written beside."""
    frame = sys._current_frames()[threading.main_thread().ident or 0]
    while frame.f_back and frame.f_code is not beside._next.__code__:
        frame = frame.f_back
    return frame.f_code is beside._next.__code__


def blocked(cursor: Any) -> set[int]:
    cursor.execute("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
    return {pid for (pid,) in cursor.fetchall()}


def test_a_note_that_is_interrupted_and_never_written_there_is_written_here(settings: Any) -> None:
    notices(100)
    main, held, over = connection.connection.info.backend_pid, threading.Event(), threading.Event()

    def hold() -> None:
        """Hold the rows; stop the worker while its note waits for them; end the note, and only then let go."""
        own = connections.create_connection("default")
        try:
            with own.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("SELECT id FROM recovery_email WHERE state = 'sending' FOR UPDATE")
                held.set()
                writers = set[int]()
                while not (writers and waits_for_its_note()) and not over.is_set():
                    writers = blocked(cursor)
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                while main not in blocked(cursor) and not over.is_set():
                    pass
                for pid in writers:
                    cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        finally:
            own.close()

    def look(**more: Any) -> None:
        """The connection beside was made; nothing was sent there yet."""
        if threading.current_thread() is threading.main_thread():
            other.start()
            held.wait(30)

    def drain() -> None:
        try:
            delivery.drain()
        finally:
            over.set()
            other.join()

    other = threading.Thread(target=hold)
    connection_created.connect(look)
    try:
        with told(settings, CONNECTIONS=4) as given, pytest.raises(KeyboardInterrupt):
            drain()
    finally:
        connection_created.disconnect(look)
    noted = EmailEvent.objects.filter(kind=EmailState.HANDED_OVER)
    assert noted.count() == noted.values("email").distinct().count() == len(given) < 100
    assert Email.objects.filter(state=EmailState.HANDED_OVER).count() == len(given)
    assert not Email.objects.filter(state=EmailState.SENDING).exists()
