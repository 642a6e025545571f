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
    log = old.model.objects.order_by("pk")
    while True:
        window = log.filter(pk__gt=last)
        ends = list(window.values_list("pk", flat=True)[BATCH - 1 : BATCH])
        among = {"pk__gt": last, **({"pk__lte": ends[0]} if ends else {})}
        if keys := list(old.filter(**among).values_list("pk", flat=True)):
            yield keys
        elif not log.filter(**among, **{f"{made_at}__lt": moment}).exists():
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
