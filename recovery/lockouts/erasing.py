"""What the engine holds about one person, taken away. Where sign-in to an account that is there is refused, it stays
so: an erasure opens no lock."""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db import router
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast, Now
from django.utils import timezone

from recovery.lockouts import keys
from recovery.lockouts.statements import LETTERS, RANDOM
from recovery.models import Lockout, LoginCounter
from recovery.models.primary import atomic

_PLACE: Final = LETTERS + RANDOM  # where in a slot's name the client address begins


def episodes_of(user_key: str, names: Iterable[str]) -> "QuerySet[Lockout]":
    """Of this account, and of nobody's under one of these names."""
    counters = [keys.of_name(name) for name in names]
    return Lockout.objects.filter(Q(user_key=user_key) | Q(user_key="", counter_key__in=counters)).order_by()


def forget(user_key: str, names: Iterable[str], *, is_gone: bool) -> int:
    """Remove their lockouts, in one commit; returns how many. With the account their counters go, a lock by staff
    too. While there is an account a lockout that stands stays, without what it says of the person."""
    names = list(names)
    found = episodes_of(user_key, names)
    with atomic(Lockout):
        if is_gone:
            shut = [keys.shut_account(user_key), *map(keys.shut_name, names), *map(keys.of_name, names)]
            LoginCounter.objects.filter(pk__in=shut)._raw_delete(router.db_for_write(LoginCounter))
        else:
            standing = found.filter(lifted_at=None).filter(Q(until=None) | Q(until__gt=Now()))
            standing.update(ip=None, sources={}, reason="")
            found = found.exclude(pk__in=list(standing.values_list("pk", flat=True)))
        return found._raw_delete(router.db_for_write(Lockout))


def forget_places(names: Iterable[str], ips: Iterable[str]) -> None:
    """Take client addresses out of the tries that are counted for these names, or that came from there, and out of
    lockouts of nobody's; commits each. Tries count on. One that is being judged keeps its address for the ten seconds
    that this may take."""
    letters, gone = {keys.letters_of(name) for name in names}, set(ips)
    nobodys = Lockout.objects.filter(Q(ip__in=gone) | Q(sources__has_any_keys=sorted(gone)), user_key="")
    for row in nobodys if gone else ():
        sources = {ip: count for ip, count in row.sources.items() if ip not in gone}
        Lockout.objects.filter(pk=row.pk).update(sources=sources, ip=None if row.ip in gone else row.ip)
    for pk in list(_naming(letters, gone).values_list("pk", flat=True)):
        with atomic(LoginCounter):
            counter = LoginCounter.objects.select_for_update().filter(pk=pk).first()
            slots = _placeless(counter.slots, letters, gone) if counter else {}
            if counter and slots != counter.slots:
                LoginCounter.objects.filter(pk=pk).update(slots=slots)


def _naming(letters: set[str], ips: set[str]) -> "QuerySet[LoginCounter]":
    """Counters with a slot of one of these names, or from one of these places. Reads the table."""
    marks = [*(f'"{each}' for each in sorted(letters)), *(f'{ip}"' for ip in sorted(ips))]
    named = reduce(or_, (Q(written__contains=mark) for mark in marks), Q(pk__in=[]))
    return LoginCounter.objects.annotate(written=Cast("slots", TextField())).filter(named)


def _placeless(slots: dict[str, Any], letters: set[str], ips: set[str]) -> dict[str, Any]:
    now = timezone.now().timestamp()
    return {
        slot[:_PLACE] if at <= now and (slot[:LETTERS] in letters or slot[_PLACE:] in ips) else slot: at
        for slot, at in slots.items()
    }
