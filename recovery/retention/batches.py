"""Old rows by the thousand, so that no statement and no transaction lasts long and nobody waits for one."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import models

BATCH: Final = 1000


def oldest_first(
    old_of: "Callable[[datetime], models.QuerySet[Any]]", made_at: str, moment: datetime | None
) -> Iterator[list[UUID]]:
    """The keys of what goes, the oldest first. Walks the log in the order of its keys, which is nearly that of time, up
    to the first thousand rows that were all made at ``moment`` or later. None: nothing goes."""
    if moment is None:
        return
    old, last = old_of(moment), UUID(int=0)
    log = old.model.objects.order_by("pk").values_list("pk", made_at)
    while window := list(log.filter(pk__gt=last)[:BATCH]):
        if all(made >= moment for _, made in window):
            return
        first, last = last, window[-1][0]
        if keys := list(old.filter(pk__gt=first, pk__lte=last).values_list("pk", flat=True)):
            yield keys


def as_they_come(old: "models.QuerySet[Any]") -> Iterator[list[Any]]:
    """The keys of rows that few are of, or that an index finds. Whoever takes them removes them before the next; what
    stays all the same ends the walk."""
    before: list[Any] = []
    while (keys := list(old.values_list("pk", flat=True)[:BATCH])) and keys != before:
        yield keys
        before = keys
