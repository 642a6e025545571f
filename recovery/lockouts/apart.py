"""The connection on which counters are written. What a rollback of the caller's takes back would be guesses for free.

Inside a transaction of the caller (``ATOMIC_REQUESTS``, a framework that rolls back what it refuses) PostgreSQL gets a
second connection, one for each thread, kept as long as the site keeps its own (``CONN_MAX_AGE``). SQLite has one
writer, whom a second would wait for in vain: there a system check refuses ``ATOMIC_REQUESTS``.
"""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from recovery.models import LoginCounter

_own = threading.local()


def apart() -> AbstractContextManager[BaseDatabaseWrapper]:
    """Everything inside runs outside of the caller's transaction; yields the connection of the counters.

    For as long as it lasts, the thread's connection to that database is our own.
    """
    alias = router.db_for_write(LoginCounter)
    callers = connections[alias]
    if callers.vendor != "postgresql" or not _is_in_transaction(callers):
        return nullcontext(callers)
    return _on_our_own(callers)


def close_old(**signal: Any) -> None:
    """Receiver, at the start and the end of a request: as Django closes its own connections."""
    for own in vars(_own).values():
        own.close_if_unusable_or_obsolete()


def close() -> None:
    """Close this thread's."""
    for own in vars(_own).values():
        own.close()


@contextmanager
def _on_our_own(callers: BaseDatabaseWrapper) -> Iterator[BaseDatabaseWrapper]:
    own = connections[callers.alias] = _mine(callers)
    try:
        yield own
    finally:
        connections[callers.alias] = callers


def _is_in_transaction(connection: BaseDatabaseWrapper) -> bool:
    """Whether a rollback of the caller's would take our rows. Tests run inside a transaction that is nobody's: what it
    holds is invisible to a second connection, which would wait for it for ever."""
    blocks: list[Any] = connection.atomic_blocks
    if any(block._from_testcase for block in blocks):
        return False
    return bool(blocks) or not connection.get_autocommit()


def _mine(callers: BaseDatabaseWrapper) -> BaseDatabaseWrapper:
    alias = callers.alias
    own: BaseDatabaseWrapper | None = vars(_own).get(alias)
    if own is None or own.settings_dict != callers.settings_dict:
        if own is not None:
            own.close()
        own = callers.copy()
        setattr(_own, alias, own)
    return own
