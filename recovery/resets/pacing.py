"""The pace of all lists of people who get a link because staff said so: forced rotations and repairs of incidents."""

from typing import Any, Final, cast

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from recovery import limits
from recovery.conf import conf
from recovery.models.primary import atomic
from recovery.resets.deciding import LEASE

BATCH: Final = 20  # people that are claimed at once, and worked on before the time is looked at again


def claim(due: "QuerySet[Any]", *, is_one: bool) -> "QuerySet[Any]":
    """The next few of ``due``, as many as the pace allows, under a lease; tries are counted. Commits.

    ``is_one``: of a list of one person, who is no flood and waits for no pace. Rows are those of a model with
    ``attempt_count`` and ``next_try_at``; what was done with them meanwhile is for the caller to look at.
    """
    wanted = due[:BATCH].count()
    if wanted and not is_one:
        wanted = limits.grant("rotation", wanted=wanted, a_minute=conf.ROTATION_PACE)
    rows = cast("QuerySet[Any]", due.model._default_manager.all())
    if not wanted:
        return rows.none()
    with atomic(due.model):
        keys = [row.pk for row in due.select_for_update(skip_locked=True)[:wanted]]
        claimed = rows.filter(pk__in=keys)
        claimed.update(attempt_count=F("attempt_count") + 1, next_try_at=Now() + LEASE)
    return claimed
