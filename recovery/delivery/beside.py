"""A note that PostgreSQL writes while the next mails are made: on a connection of its own, and nobody waits for it.

Half of what a note costs is waiting for the server and its disk. A second thread would not help: what makes mail
computes, and gives way too seldom. So the statement is sent, and its answer read when the next one is due.
"""

import selectors
from typing import Any

from django.db import connections, router

from recovery.models import Email
from recovery.models.statements import Statement

try:
    import psycopg
    from psycopg import pq
except ImportError:  # another database, or psycopg2, which cannot do this
    CAN_WAIT_LATER = False
else:
    CAN_WAIT_LATER = True


class Beside:
    """One statement at a time, committed by itself. Raises what Django raises, as ``DatabaseError`` and its kind."""

    def __init__(self) -> None:
        self._database: Any = None
        self._is_over = False

    def is_possible(self) -> bool:
        """Not inside a transaction of the caller's: another connection sees nothing of it, and waits for its locks."""
        given = connections[router.db_for_write(Email)]
        if self._is_over or not CAN_WAIT_LATER or given.vendor != "postgresql":
            return False
        return given.get_autocommit() and not given.in_atomic_block

    def send(self, statement: Statement) -> None:
        """Give it to the server, and come back at once."""
        if self._database is None:
            self._database = connections[router.db_for_write(Email)].copy()
            # Whoever holds one connection of a pool must not wait for another.
            self._database.settings_dict["OPTIONS"].pop("pool", None)
        with self._database.wrap_database_errors:
            self._database.ensure_connection()
            raw = self._database.connection
            text = psycopg.ClientCursor(raw).mogrify(statement.sql, statement.params)
            raw.pgconn.send_query(text.encode(raw.info.encoding))
            raw.pgconn.flush()

    def rows(self) -> list[tuple[str, ...]]:
        """What came back, as text; waits for it. Afterwards the statement is committed."""
        raw = self._database.connection
        with self._database.wrap_database_errors:
            last = None
            while (result := _next(raw.pgconn)) is not None:
                last = result
            if last is None:
                raise psycopg.OperationalError("no answer")
            if last.status != pq.ExecStatus.TUPLES_OK:
                raise psycopg.errors.error_from_result(last, raw.info.encoding)
        return [tuple(last.get_value(row, n).decode() for n in range(last.nfields)) for row in range(last.ntuples)]

    def close(self) -> None:
        """End the connection, if there is one. No other is made."""
        self._is_over = True
        if self._database is not None:
            self._database.close()


def _next(server: Any) -> Any:
    """The next result, or None. ``get_result`` alone would wait with all threads and signals held up."""
    with selectors.DefaultSelector() as selector:
        selector.register(server.socket, selectors.EVENT_READ)
        while True:
            unsent = server.flush()
            server.consume_input()
            if not server.is_busy():
                return server.get_result()
            selector.modify(server.socket, selectors.EVENT_READ | (selectors.EVENT_WRITE if unsent else 0))
            selector.select()
