"""Where this app's rows are and how they are named: one database, the one the site's router gives for writing.

Read replicas lag: a row that was written a moment ago must be found, so rows are read where they are written.
"""

import os
import time
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from django.db import models, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:
    _BigAutoField = models.BigAutoField[int, int]
else:
    _BigAutoField = models.BigAutoField

Row = TypeVar("Row", bound=models.Model)
SKEW: Final = timedelta(hours=1)


def new_key() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562 section 5.7): milliseconds, then 74 random bits.

    Rows of one moment lie side by side in every index over keys, so that a busy hour writes few pages of them, and the
    order of keys is that of time: logs need no index of their own for it.
    """
    drawn = int.from_bytes(os.urandom(10), "big")
    bits = _prefix(time.time_ns() // 1_000_000) | (drawn >> 68) << 64 | 2 << 62 | drawn & (1 << 62) - 1
    return uuid.UUID(int=bits)


def key_at(moment: datetime) -> uuid.UUID:
    """The smallest key of that millisecond. Rows of a span of time are found by their keys; clocks of web servers may
    differ from the database's, so leave room of ``SKEW`` at both ends."""
    return uuid.UUID(int=_prefix(max(0, int(moment.timestamp() * 1000))) | 2 << 62)


def _prefix(milliseconds: int) -> int:
    return milliseconds << 80 | 7 << 76


class QuickKey(_BigAutoField):
    """A number for each new row, as the database counts. SQLite would write the last number of each table into a table
    of its own, so that none is ever used again: one page more for each commit, and nobody needs it of these rows."""

    def db_type_suffix(self, connection: BaseDatabaseWrapper) -> str | None:
        return None if connection.vendor == "sqlite" else super().db_type_suffix(connection)


class PrimaryManager(models.Manager[Row]):
    """Reads from the database that is written to, unless a caller names another."""

    def get_queryset(self) -> models.QuerySet[Row]:
        return super().get_queryset().using(self._db or router.db_for_write(self.model))


def atomic(model: type[models.Model], *, durable: bool = False) -> transaction.Atomic:
    """A transaction for rows of ``model``, on the database that they are routed to; as Django's otherwise."""
    return transaction.atomic(using=router.db_for_write(model), durable=durable)
