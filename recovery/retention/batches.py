"""Old rows by two thousand, so that no statement and no transaction lasts long and nobody waits for one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connections, models, router
from django.utils import timezone

from recovery.models import Email
from recovery.models.primary import SKEW, key_at

BATCH: Final = 2000
PAGES: Final = 1000
"""Of SQLite's write-ahead log, after which a COMMIT writes them back: its own default."""


@dataclass(frozen=True, slots=True)
class Span:
    """All rows with keys behind ``after``, up to ``last``. Two bounds say it in a thousandth of the time that a
    thousand keys take."""

    after: UUID
    last: UUID


Keys = Sequence[Any] | Span


def among(keys: Keys, name: str = "pk") -> dict[str, Any]:
    """The filter for rows whose column of that name is one of these."""
    return {f"{name}__gt": keys.after, f"{name}__lte": keys.last} if isinstance(keys, Span) else {f"{name}__in": keys}


def oldest_first(
    old_of: "Callable[[datetime], models.QuerySet[Any]]", made_at: str, moment: datetime | None
) -> Iterator[Keys]:
    """The keys of what goes, the oldest first. Walks the log in the order of its keys, which is nearly that of time, up
    to the first batch of rows that were all made at ``moment`` or later. None: nothing goes."""
    if moment is None:
        return
    old, last = old_of(moment), UUID(int=0)
    log = old.model.objects.order_by("pk")
    complete = key_at(timezone.now() - SKEW)  # before this, no row comes any more
    while True:
        window = log.filter(pk__gt=last)
        ends = list(window.values_list("pk", flat=True)[BATCH - 1 : BATCH])
        within = among(Span(last, ends[0])) if ends else {"pk__gt": last}
        if ends and ends[0] < complete and old.filter(**within).count() == BATCH:
            yield Span(last, ends[0])
        elif keys := list(old.filter(**within).values_list("pk", flat=True)):
            yield keys
        elif not log.filter(**within, **{f"{made_at}__lt": moment}).exists():
            return
        if not ends:
            return
        last = ends[0]


def as_they_come(old: "models.QuerySet[Any]") -> Iterator[list[Any]]:
    """The keys of rows that few are of, or that an index finds. Whoever takes them removes them before the next; what
    stays all the same ends the walk."""
    before: list[Any] = []
    while (keys := list(old.values_list("pk", flat=True)[:BATCH])) and keys != before:
        yield keys
        before = keys


@contextmanager
def short_commits() -> Iterator[None]:
    """On SQLite, whose COMMIT now and then writes back all that gathered in the log: while old rows go, it does so at
    ``PAGES``, where the site lets more gather for what it does otherwise."""
    connection = connections[router.db_for_write(Email)]
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        usual = int(cursor.execute("PRAGMA wal_autocheckpoint").fetchone()[0])
        cursor.execute(f"PRAGMA wal_autocheckpoint = {min(usual, PAGES)}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA wal_autocheckpoint = {usual}")
