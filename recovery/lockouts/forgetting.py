"""Counters that say nothing any more go. What is counted, and when a row of failures ends, stands in ``counting``.

Of whom a counter is, only the name tells, by its keyed hash. So whoever forgets asks the names of all accounts, and
whoever signs in need not: a million names that nobody has are forgotten after a day, and no failure of an account is
before somebody signed in.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import connections, router
from django.db.models import QuerySet
from django.db.models.functions import Now

from recovery.lockouts import episodes, keys, statements
from recovery.models import LoginCounter

BATCH: Final = 1000


def purgeable() -> "QuerySet[LoginCounter]":
    """Those whose window, whose locks, and what these grow by, are over. ``purge`` leaves some of them: ``outlook``."""
    return LoginCounter.objects.filter(forget_at__lt=Now())


def outlook() -> int:
    """How many ``purge`` would remove now; writes nothing."""
    now = _now()
    return _over(now).count() - sum(those.count() for those in _of_accounts(now))


def purge() -> int:
    """Remove them, a thousand in a commit; returns how many went.

    One that counts failures of an account in a row stays, however old they are: at most a hundred on one account
    (NIST SP 800-63B-4 section 3.2.2). Where there may be such rows, that costs two statements for a thousand accounts.
    """
    now, gone = _now(), 0
    for those in _of_accounts(now):
        those.update(forget_at=(now + timedelta(seconds=statements.LONG)).replace(minute=0, second=0, microsecond=0))
    while found := list(_over(now).order_by("forget_at").values_list("pk", flat=True)[:BATCH]):
        gone += _over(now).filter(pk__in=found)._raw_delete(router.db_for_write(LoginCounter))
    return gone


def _over(now: datetime) -> "QuerySet[LoginCounter]":
    return LoginCounter.objects.filter(forget_at__lt=now)


def _of_accounts(now: datetime) -> "Iterator[QuerySet[LoginCounter]]":
    """Those of them that count failures in a row of accounts."""
    running = _over(now).filter(streak__gt=0)
    for names in _names() if running.exists() else ():
        yield running.filter(pk__in=[keys.of_name(name) for name in names])


def _names() -> Iterator[list[str]]:
    """Of all accounts, so many at a time. Not with an open cursor: on SQLite, who reads on cannot write then."""
    users: Any = get_user_model()
    field = users.USERNAME_FIELD
    ordered = users._default_manager.exclude(**{field: None}).order_by(field).values_list(field, flat=True)
    names = list(ordered[:BATCH])
    while names:
        yield [str(name) for name in names]
        names = list(ordered.filter(**{f"{field}__gt": names[-1]})[:BATCH])


def _now() -> datetime:
    """By the database's clock. What becomes too old meanwhile is left to the next time."""
    connection = connections[router.db_for_write(LoginCounter)]
    [[now]] = episodes.run(connection, statements.clock(connection.vendor), {})
    return episodes.moment(now)
