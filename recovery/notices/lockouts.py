"""Which lockouts their owner is told of, decided by a worker: sign-in itself answers alike for every name.

Lockouts of names that nobody has, and of places, are nobody's news. Of the others one mail an hour and three a day: an
attacker must not fill a mailbox by typing wrong passwords. Those that do not end by themselves are told each. That
many names are locked is news for whoever runs the site: ``metrics`` alarms.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from recovery import accounts, audit, limits, lockouts, outbox
from recovery.models import Email, Lockout
from recovery.models.primary import atomic
from recovery.notices.copies import compose, moment
from recovery.origin import Origin
from recovery.reasons import Action, EmailKind, LockKind

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MOST_A_DAY: Final = 3
BATCH: Final = 1000


def untold() -> Sequence[UUID]:
    """The oldest lockouts of accounts that nobody has decided on: what no ring reached."""
    return _oldest(lockouts.untold().exclude(_nobodys()))


def pass_over() -> int:
    """Note of those that are nobody's news that this was decided, in one commit. Returns how many."""
    nobodys = _oldest(lockouts.untold().filter(_nobodys()))
    return Lockout.objects.filter(pk__in=nobodys, told_at=None).update(told_at=Now()) if nobodys else 0


def tell_lockout(lockout_id: UUID) -> bool:
    """Decide once whether the owner gets a mail about this lockout, and queue it, with its line in the trail; one
    commit, then a ring. False: that was decided before."""
    with atomic(Lockout):
        if not Lockout.objects.filter(pk=lockout_id, told_at=None).update(told_at=Now()):
            return False
        lockout = Lockout.objects.get(pk=lockout_id)
        emails = _composed(lockout)
        if emails:
            outbox.write(
                emails,
                audit.event(
                    Action.NOTICE_QUEUED,
                    user_key=lockout.user_key,
                    what=EmailKind.LOCKED.value,
                    lockout=str(lockout.pk),
                    told=len(emails),
                ),
            )
    outbox.ring(emails)
    return True


def _oldest(rows: "QuerySet[Lockout]") -> Sequence[UUID]:
    return list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _nobodys() -> Q:
    """Of a name that nobody has, of a place, or so long ago that a mail would only frighten."""
    return Q(user_key="") | Q(kind=LockKind.SOURCE) | Q(since__lt=Now() - DAY)


def _composed(lockout: Lockout) -> list[Email]:
    by_staff = lockout.kind == LockKind.STAFF
    is_nobodys = not lockout.user_key or lockout.kind == LockKind.SOURCE or lockout.since < timezone.now() - DAY
    # One without an end is told in any case: it comes once, and the person must do something.
    if is_nobodys or lockout.lifted_at or not (lockout.until is None or _is_news(lockout.user_key)):
        return []
    user = accounts.by_key(lockout.user_key)
    if user is None:
        return []
    facts = {
        "happened_at": moment(lockout.since),
        "until": moment(lockout.until) if lockout.until else None,
        "by_staff": by_staff,
        "of_device": lockout.kind == LockKind.DEVICE,
        "has_password": accounts.has_password(user),
        "password_holds": user.has_usable_password(),
    }
    origin = Origin(ip="" if by_staff else lockout.ip or "")
    return compose(EmailKind.LOCKED, user, origin=origin, facts=facts, may_object=not by_staff)


def _is_news(user_key: str) -> bool:
    return (
        limits.tally("notice.locked", user_key, within=HOUR) == 1
        and limits.tally("notices.locked", user_key, within=DAY) <= MOST_A_DAY
    )
