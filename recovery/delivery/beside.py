"""A note that PostgreSQL writes while the next mails are made: on a connection of its own, and nobody waits for it.

Half of what a note costs is waiting for the server and its disk. A second thread would not help: what makes mail
computes, and gives way too seldom. So the statement is sent, and its answer read when the next one is due.
"""

from typing import Any

from django.db import connections, router

from recovery.models import Email
from recovery.models.batches import Statement

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
        """Not inside a transaction of the caller's: another connection sees nothing of it."""
        given = connections[router.db_for_write(Email)]
        can_wait = given.vendor == "postgresql" and CAN_WAIT_LATER and not given.in_atomic_block
        return can_wait and not self._is_over

    def send(self, statement: Statement) -> None:
        """Give it to the server, and come back at once."""
        database = self._database = self._database or connections[router.db_for_write(Email)].copy()
        database.ensure_connection()
        raw = database.connection
        text = psycopg.ClientCursor(raw).mogrify(statement.sql, statement.params)
        with database.wrap_database_errors:
            raw.pgconn.send_query(text.encode(raw.info.encoding))
            raw.pgconn.flush()

    def rows(self) -> list[tuple[str, ...]]:
        """What came back, as text; waits for it. Afterwards the statement is committed."""
        raw = self._database.connection
        with self._database.wrap_database_errors:
            results = list(iter(raw.pgconn.get_result, None))
            if not results or results[-1].status != pq.ExecStatus.TUPLES_OK:
                raise _error(results[-1] if results else None, raw)
        last = results[-1]
        return [tuple(last.get_value(row, n).decode() for n in range(last.nfields)) for row in range(last.ntuples)]

    def close(self) -> None:
        """End the connection, if there is one. No other is made."""
        self._is_over = True
        if self._database is not None:
            self._database.close()


def _error(result: Any, raw: Any) -> Exception:
    code = result.error_field(pq.DiagnosticField.SQLSTATE) if result is not None else None
    kind = psycopg.errors.lookup(code.decode()) if code else psycopg.OperationalError
    return kind(raw.pgconn.get_error_message())
