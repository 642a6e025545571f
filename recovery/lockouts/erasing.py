"""What the engine holds about one person, taken away. Whoever still has an account stays refused where sign-in is refused:
an erasure opens no lock."""

from collections.abc import Iterable
from typing import Any, Final

from django.db import router
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast, Now
from django.utils import timezone

from recovery.lockouts import keys
from recovery.models import Lockout, LoginCounter
from recovery.models.primary import atomic

_NAMELESS: Final = 18  # of a slot's name: letters for the name that was typed, and what was drawn; an address follows


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
            standing.exclude(ip=None, reason="").update(ip=None, reason="")
            found = found.exclude(pk__in=list(standing.values_list("pk", flat=True)))
        return found._raw_delete(router.db_for_write(Lockout))


def forget_places(names: Iterable[str], ips: Iterable[str]) -> int:
    """Take client addresses out of the tries that are counted for these names, or that came from there, and out of
    lockouts of nobody's; commits each. Tries count on. Returns of how many rows. One that is being judged keeps its
    address for the ten seconds that this may take."""
    letters, ips = {keys.letters_of(name) for name in names}, list(ips)
    marks = [*(f'"{each}' for each in letters), *(f'{ip}"' for ip in ips)]
    found = Q()
    for mark in marks:
        found |= Q(written__contains=mark)
    cut = Lockout.objects.filter(ip__in=ips, user_key="").update(ip=None)
    counters = LoginCounter.objects.annotate(written=Cast("slots", TextField())).filter(found) if marks else ()
    for pk in [counter.pk for counter in counters]:
        with atomic(LoginCounter):
            cut += _cut(LoginCounter.objects.select_for_update().filter(pk=pk), letters, set(ips))
    return cut


def _cut(counter: "QuerySet[LoginCounter]", letters: set[str], ips: set[str]) -> bool:
    now, row = timezone.now().timestamp(), counter.first()
    slots: dict[str, Any] = row.slots if row else {}
    kept = {
        slot[:_NAMELESS] if at <= now and (slot[:8] in letters or slot[_NAMELESS:] in ips) else slot: at
        for slot, at in slots.items()
    }
    return kept != slots and bool(LoginCounter.objects.filter(pk=row.pk).update(slots=kept) if row else 0)
