"""Ends what is past its time, a batch in a commit, each with its line in the trail; and tells what it would end.

Which rows these are stands in ``ages``. Counters and signs of life name nobody and say nothing any more: of these the
trail keeps no line.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import models
from django.utils import timezone

from recovery import audit, backup_addresses, heartbeats, idempotency, limits, lockouts, revoking, suppressions, tokens
from recovery.models import (
    AddressCorrection,
    BackupAddress,
    Bounce,
    Email,
    EmailEvent,
    Lockout,
    RawEvent,
    Repair,
    ResetRequest,
    ResetToken,
    Revocation,
    RollUp,
    RollUpDay,
    Rotation,
    SupportCase,
    Suppression,
)
from recovery.models.primary import atomic, key_at
from recovery.reasons import Action
from recovery.retention import ages
from recovery.retention.ages import before
from recovery.retention.batches import Keys, among, as_they_come, oldest_first, short_commits
from recovery.retention.removing import remove, remove_cases, remove_emails, remove_requests, remove_strays


@dataclass(frozen=True, slots=True)
class Purged:
    """How many links became tombstones, and how many rows went."""

    links: int
    counters: int
    api_calls: int
    login_counters: int
    lockouts: int
    heartbeats: int
    raw_events: int
    emails: int
    requests: int
    cases: int
    rotations: int
    repairs: int
    corrections: int
    revocations: int
    suppressions: int
    backups: int
    roll_ups: int
    trail: int
    origins: int

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


@short_commits()
def purge() -> Purged:
    """End what is past its time (``RETENTION``). Commits 2000 rows at a time, each with its line in the trail."""
    return Purged(
        links=_links(),
        counters=limits.purge(),
        api_calls=idempotency.purge(),
        login_counters=lockouts.purge(),
        lockouts=_walked(Lockout, ages.old_lockouts, "since", before("requests")),
        heartbeats=heartbeats.purge(),
        raw_events=_raw_events(before("raw_events")),
        emails=_emails(before("emails")),
        requests=_walked(ResetRequest, ages.old_requests, "requested_at", before("requests"), by=remove_requests),
        cases=_few(SupportCase, ages.old_cases, before("requests"), by=remove_cases),
        rotations=_lists(Rotation, before("requests")),
        repairs=_lists(Repair, before("requests")),
        corrections=_few(AddressCorrection, ages.old_corrections, before("requests")),
        revocations=_noted(Revocation, lambda: revoking.purge(before("requests"))),
        suppressions=_suppressions(timezone.now() - suppressions.MEMORY),
        backups=_backups(timezone.now() - backup_addresses.UNCONFIRMED),
        roll_ups=sum(_roll_ups(model, before("roll_ups")) for model in (RollUp, RollUpDay)),
        trail=_trail(before("audit")),
        origins=_origins(before("requests")),
    )


def outlook() -> Purged:
    """What ``purge`` would end now; writes nothing."""
    requests, now = before("requests"), timezone.now()
    return Purged(
        links=tokens.purgeable().count(),
        counters=limits.purgeable().count(),
        api_calls=idempotency.purgeable().count(),
        login_counters=lockouts.outlook(),
        lockouts=_counted(ages.old_lockouts, requests),
        heartbeats=heartbeats.purgeable().count(),
        raw_events=_counted(ages.old_raw, before("raw_events")),
        emails=_counted(ages.old_emails, before("emails")),
        requests=_counted(ages.old_requests, requests),
        cases=_counted(ages.old_cases, requests),
        rotations=_counted(partial(ages.old_lists, Rotation), requests),
        repairs=_counted(partial(ages.old_lists, Repair), requests),
        corrections=_counted(ages.old_corrections, requests),
        revocations=revoking.purgeable(requests).count(),
        suppressions=_counted(ages.old_suppressions, now - suppressions.MEMORY) + ages.ended_of_erased().count(),
        backups=_counted(ages.old_backups, now - backup_addresses.UNCONFIRMED),
        roll_ups=sum(_counted(partial(ages.old_roll_ups, model), before("roll_ups")) for model in (RollUp, RollUpDay)),
        trail=audit.rows_in(audit.purgeable(trail)) if (trail := before("audit")) else 0,
        origins=_counted(audit.old_origins, before("requests")),
    )


def _counted(old_of: "Callable[[datetime], models.QuerySet[Any]]", moment: datetime | None) -> int:
    return old_of(moment).count() if moment else 0


def _noted(model: type[models.Model], end: Callable[[], int]) -> int:
    """What ``end`` does and its line in the trail, in one commit; no line for nothing."""
    with atomic(model):
        gone = end()
        if gone:
            audit.record(Action.PURGED, what=model._meta.model_name, rows=gone)
    return gone


def _batch_by_batch(model: type[models.Model], batches: Iterator[Keys], by: Callable[[Keys], int] | None = None) -> int:
    def end(keys: Keys) -> int:
        return by(keys) if by else remove(model._default_manager.filter(**among(keys)))

    return sum(_noted(model, partial(end, keys)) for keys in batches)


def _walked(
    model: type[models.Model],
    old_of: "Callable[[datetime], models.QuerySet[Any]]",
    made_at: str,
    moment: datetime | None,
    *,
    by: Callable[[Keys], int] | None = None,
) -> int:
    """Of a table of which much may be old: its log is walked."""
    return _batch_by_batch(model, oldest_first(old_of, made_at, moment), by)


def _few(
    model: type[models.Model],
    old_of: "Callable[[datetime], models.QuerySet[Any]]",
    moment: datetime | None,
    *,
    by: Callable[[Keys], int] | None = None,
) -> int:
    """Of a table that is small, or has an index for it."""
    return _batch_by_batch(model, as_they_come(old_of(moment)), by) if moment else 0


def _emails(moment: datetime | None) -> int:
    if moment:
        _noted(EmailEvent, partial(remove_strays, key_at(moment)))
    return _walked(Email, ages.old_emails, "queued_at", moment, by=remove_emails)


def _links() -> int:
    gone = 0
    while ended := _noted(ResetToken, tokens.purge):
        gone += ended
    return gone


def _lists(lists: "type[Rotation | Repair]", moment: datetime | None) -> int:
    """Their people first, so many at a time: a list may hold everybody."""
    gone = 0
    for each in ages.old_lists(lists, moment) if moment else ():
        for keys in as_they_come(each.members.order_by("pk")):
            remove(each.members.filter(pk__in=keys))
        gone += _noted(lists, partial(remove, lists._default_manager.filter(pk=each.pk)))
    return gone


def _suppressions(moment: datetime) -> int:
    gone = _walked(Suppression, ages.old_suppressions, "since", moment)
    return gone + _batch_by_batch(Suppression, as_they_come(ages.ended_of_erased()))


def _backups(moment: datetime) -> int:
    def end(keys: Keys) -> int:
        # Asked again: a new code may have been sent meanwhile.
        return remove(ages.old_backups(moment).filter(**among(keys)))

    return _walked(BackupAddress, ages.old_backups, "added_at", moment, by=end)


def _roll_ups(model: "type[RollUp | RollUpDay]", moment: datetime | None) -> int:
    return _few(model, partial(ages.old_roll_ups, model), moment)


def _raw_events(moment: datetime | None) -> int:
    """What was posted goes and its event stays; what could not be read is no event, and goes as well."""
    if moment is None:
        return 0

    def end_of_nobody(keys: Keys) -> int:
        remove(Bounce.objects.filter(**among(keys, "event")))
        return remove(EmailEvent.objects.filter(**among(keys)))

    def end(keys: Keys) -> int:
        blanked = EmailEvent.objects.filter(**among(keys)).update(content="", digest="")
        return blanked + remove(RawEvent.objects.filter(**among(keys)))

    gone = _batch_by_batch(RawEvent, as_they_come(ages.old_of_nobody(moment)), end_of_nobody)
    return gone + _batch_by_batch(RawEvent, as_they_come(ages.old_raw(moment)), end)


def _trail(moment: datetime | None) -> int:
    """Whole sealed batches, each with the line that its chain goes on from."""
    return audit.purge(before=moment) if moment else 0


def _origins(moment: datetime | None) -> int:
    """Where people acted from is kept as long as the requests, which hold the same."""
    return audit.destroy_origins(before=moment) if moment else 0
