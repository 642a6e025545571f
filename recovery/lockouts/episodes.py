"""Lockouts that people see: begun when a counter is full, lifted by staff and by recovery. Each with its record."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from recovery import audit, bell
from recovery.accounts import key_of, shares_name
from recovery.conf import conf
from recovery.lockouts import keys, statements
from recovery.lockouts.apart import apart
from recovery.lockouts.statements import Shape
from recovery.models import Lockout, LoginCounter
from recovery.models.insertion import insert
from recovery.models.primary import atomic
from recovery.reasons import Action, LockKind, LockLift
from recovery.signals import announce, sign_in_locked, sign_in_unlocked

CAP: Final = timedelta(minutes=15)
"""No wait is longer, whatever a site says: who keeps failing must not be able to shut somebody out for long."""
QUIET: Final = timedelta(hours=1)
"""So long after a lock the next one is as short as the first."""
AUTOMATIC: Final = (LockKind.ACCOUNT, LockKind.DEVICE)


def standing(user: AbstractBaseUser) -> "QuerySet[Lockout]":
    """Lockouts that refuse sign-ins of ``user`` now, those of its known devices included, and one of its name from when
    that was nobody's."""
    of_name = Q(user_key="", kind=LockKind.ACCOUNT, counter_key=keys.of_name(user.get_username()))
    return Lockout.objects.filter(Q(user_key=key_of(user)) | of_name).standing()


def untold() -> "QuerySet[Lockout]":
    """Those of which no worker has decided yet whether somebody is told; the oldest first."""
    return Lockout.objects.filter(told_at=None).order_by("pk")


def lock(user: AbstractBaseUser, *, actor: AbstractBaseUser, reason: str) -> Lockout:
    """Refuse all sign-ins of ``user``, from known devices too, until staff lift it. In one commit with its record.

    One that stands already stays, and is returned. Nobody who is signed in is signed out.
    """
    found = standing(user).filter(kind=LockKind.STAFF).first()
    if found is not None:
        return found
    with atomic(Lockout):
        row = Lockout(
            kind=LockKind.STAFF,
            user_key=key_of(user),
            counter_key=keys.shut_name(user.get_username()),
            since=_shut(user),
            actor_key=key_of(actor),
            reason=reason[:500],
        )
        insert(row, _locked(row))
        _ring(row)
    return row


def follow(user: AbstractBaseUser) -> None:
    """Staff locked the account under another name: refuse that it has now, and leave the other to whoever has it."""
    name = keys.shut_name(user.get_username())
    for row in standing(user).filter(kind=LockKind.STAFF).exclude(counter_key=name):
        with atomic(Lockout):
            _free([row.counter_key])
            Lockout.objects.filter(pk=row.pk).update(counter_key=name)
            _shut(user)


def lift(lockout: Lockout, *, actor: AbstractBaseUser | None, reason: str) -> bool:
    """End it and count anew, with its record, in one commit. False, and nothing done, if it does not stand any more.
    Without ``actor`` whoever runs a command of the site did it."""
    with atomic(Lockout):
        lifter = key_of(actor) if actor else ""
        live = Lockout.objects.filter(pk=lockout.pk).standing()
        if not live.update(lifted_at=Now(), lifted_by=LockLift.STAFF, lifter_key=lifter, lift_reason=reason[:500]):
            return False
        _free(_without_lock(lockout))
        insert(_unlocked(lockout.pk, lockout.kind, lockout.user_key, LockLift.STAFF, actor_key=lifter, reason=reason))
        _announce(lockout.kind, lockout.user_key, LockLift.STAFF)
    return True


def lift_automatic(user: AbstractBaseUser, *, by: LockLift = LockLift.RESET) -> int:
    """End what failures brought upon ``user`` and its devices, and count anew, in the caller's transaction, with the
    records; returns how many lockouts that were. A lock by staff stays, and so does that of a source, and what is
    counted for a name that another account has in another spelling: its owner must not free both."""
    user_key, is_shared = key_of(user), shares_name(user)
    live = Lockout.objects.filter(user_key=user_key, kind__in=[LockKind.DEVICE] if is_shared else AUTOMATIC).standing()
    found = list(live.order_by("pk").values_list("pk", "kind", "counter_key"))
    if found:
        Lockout.objects.filter(pk__in=[pk for pk, *_ in found]).update(lifted_at=Now(), lifted_by=by)
        insert(*(_unlocked(pk, kind, user_key, by) for pk, kind, _ in found))
        for _pk, kind, _key in found:
            _announce(kind, user_key, by)
    of_name = [] if is_shared else [keys.of_name(user.get_username())]
    _free([*of_name, *(key for *_, key in found)])
    return len(found)


def begin(shape: Shape, kind: str, key: int, *, user_key: str, ip: str) -> datetime | None:
    """Lock a counter that is full, with its row and its record, in one commit outside of the caller's transaction;
    then wake whoever tells people. Returns until when, by ``of_page``; None if it is not full any more."""
    waits = tuple(min(wait, CAP).total_seconds() for wait in conf.LOCKOUT_WAITS)
    with apart() as connection, atomic(LoginCounter):
        found = run(connection, statements.sources(shape), {"key": key})
        made = run(connection, statements.lock(shape, kind, waits, QUIET.total_seconds()), {"key": key})
        if not made:
            return None
        [[until, streak, now]] = made
        is_endless = kind != LockKind.SOURCE and streak >= statements.MOST_IN_A_ROW
        row = Lockout(
            kind=kind,
            user_key=user_key,
            counter_key=key,
            since=moment(now),
            until=None if is_endless else moment(until),
            failure_count=streak if is_endless else dict(shape.limits)[kind],
            ip=ip or None,
            sources={source: count for source, count in found if source},
        )
        insert(row, _locked(row))
        _ring(row)
    return of_page(moment(until), moment(now))


def of_page(until: datetime, now: datetime) -> datetime:
    """Until when a page may say that sign-in is refused. What only staff or recovery end looks like any other lock."""
    return min(until, now + max(min(wait, CAP) for wait in conf.LOCKOUT_WAITS))


def run(connection: BaseDatabaseWrapper, sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The rows that a statement returns."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def moment(value: datetime | str) -> datetime:
    """As SQL that is not the ORM's gives it; SQLite knows no moments."""
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _shut(user: AbstractBaseUser) -> datetime:
    """Refuse the account, and its name before anybody's password is looked at; returns the time."""
    connection = connections[router.db_for_write(LoginCounter)]
    for key in (keys.shut_account(key_of(user)), keys.shut_name(user.get_username())):
        [[now]] = run(connection, statements.shut(connection.vendor), {"key": key})
    return moment(now)


def _without_lock(lifted: Lockout) -> Iterator[int]:
    """The counters of a lockout that is lifted which no other one needs. Two accounts whose names differ by their
    spelling share the one of the name; that of the account is there for a lock by staff alone."""
    standing = Lockout.objects.exclude(pk=lifted.pk).standing()
    if not standing.filter(counter_key=lifted.counter_key).exists():
        yield lifted.counter_key
    if lifted.kind == LockKind.STAFF and not standing.filter(kind=LockKind.STAFF, user_key=lifted.user_key).exists():
        yield keys.shut_account(lifted.user_key)


def _free(counter_keys: Iterable[int]) -> None:
    LoginCounter.objects.filter(pk__in=sorted(set(counter_keys)))._raw_delete(router.db_for_write(LoginCounter))


def _ring(row: Lockout) -> None:
    alias = router.db_for_write(Lockout)
    bell.ring("recovery.notify", row.pk, using=alias)
    facts = {"user_key": row.user_key, "kind": str(row.kind), "until": row.until}
    announce(sign_in_locked, Lockout, using=alias, **facts)


def _announce(kind: str, user_key: str, by: LockLift) -> None:
    alias = router.db_for_write(Lockout)
    announce(sign_in_unlocked, Lockout, using=alias, user_key=user_key, kind=str(kind), by=by.value)


def _locked(row: Lockout) -> Any:
    return audit.event(
        Action.LOCKED,
        actor_key=row.actor_key,
        user_key=row.user_key,
        reason=row.reason,
        at=row.since,
        lockout=str(row.pk),
        kind=str(row.kind),
        failures=row.failure_count,
        until=row.until.isoformat() if row.until else None,
    )


def _unlocked(pk: Any, kind: str, user_key: str, by: LockLift, *, actor_key: str = "", reason: str = "") -> Any:
    return audit.event(
        Action.UNLOCKED,
        actor_key=actor_key,
        user_key=user_key,
        reason=reason,
        lockout=str(pk),
        kind=str(kind),
        by=by.value,
    )
