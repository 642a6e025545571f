"""What is kept how long, and the end of it. Links become tombstones, old rows go, in batches."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import models, router
from django.db.models import Q
from django.utils import timezone

from recovery import audit, backup_addresses, heartbeats, idempotency, limits, lockouts, revoking, suppressions, tokens
from recovery.conf import conf
from recovery.models import (
    AddressCorrection,
    AuditEvent,
    BackupAddress,
    Bounce,
    Decision,
    Email,
    EmailEvent,
    Lockout,
    Objection,
    RawEvent,
    Repair,
    RepairMember,
    ResetRequest,
    ResetToken,
    RollUp,
    RollUpDay,
    Rotation,
    RotationMember,
    SupportCase,
    Suppression,
)
from recovery.models.primary import atomic
from recovery.models.roll_ups import Counts
from recovery.reasons import Action, Outcome, TokenState

BATCH: Final = 1000


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

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


def purge() -> Purged:
    """End what is past its time (``RETENTION``); commits batch by batch, a trail row when rows of it went."""
    return Purged(
        links=tokens.purge(),
        counters=limits.purge(),
        api_calls=idempotency.purge(),
        login_counters=lockouts.purge(),
        lockouts=_lockouts_before(_before("requests")),
        heartbeats=heartbeats.purge(),
        raw_events=_raw_before(_before("raw_events")),
        emails=_emails_before(_before("emails")),
        requests=_requests_before(_before("requests")),
        cases=_cases_before(_before("requests")),
        rotations=_lists_before(Rotation, _before("requests")),
        repairs=_lists_before(Repair, _before("requests")),
        corrections=_corrections_before(_before("requests")),
        revocations=revoking.purge(_before("requests")),
        suppressions=_suppressions_before(timezone.now() - suppressions.MEMORY),
        backups=_backups_before(timezone.now() - backup_addresses.UNCONFIRMED),
        roll_ups=_roll_ups_before(_before("roll_ups")),
        trail=_trail_before(_before("audit")),
    )


def outlook() -> Purged:
    """What ``purge`` would end now; writes nothing."""
    emails, requests, trail, roll_ups = map(_before, ("emails", "requests", "audit", "roll_ups"))
    return Purged(
        links=tokens.purgeable().count(),
        counters=limits.purgeable().count(),
        api_calls=idempotency.purgeable().count(),
        login_counters=lockouts.outlook(),
        lockouts=_old_lockouts(requests).count() if requests else 0,
        heartbeats=heartbeats.purgeable().count(),
        raw_events=_old_raw(_before("raw_events")).count() if _before("raw_events") else 0,
        emails=_old_emails(emails).count() if emails else 0,
        requests=_old_requests(requests).count() if requests else 0,
        cases=_old_cases(requests).count() if requests else 0,
        rotations=_old_lists(Rotation, requests).count() if requests else 0,
        repairs=_old_lists(Repair, requests).count() if requests else 0,
        corrections=_old_corrections(requests).count() if requests else 0,
        revocations=revoking.purgeable(requests).count(),
        suppressions=_old_suppressions(timezone.now() - suppressions.MEMORY).count(),
        backups=_old_backups(timezone.now() - backup_addresses.UNCONFIRMED).count(),
        roll_ups=sum(_old_roll_ups(each, roll_ups).count() for each in (RollUp, RollUpDay)) if roll_ups else 0,
        trail=_old_trail(trail).count() if trail else 0,
    )


def _before(kept: str) -> datetime | None:
    age = conf.RETENTION[kept]
    return timezone.now() - age if age else None


def _old_emails(moment: datetime) -> "models.QuerySet[Email]":
    """Mail of before ``moment`` that cannot leave any more, however short the site keeps its mail."""
    return Email.objects.filter(queued_at__lt=moment, send_by__lt=timezone.now())


def _old_requests(moment: datetime) -> "models.QuerySet[ResetRequest]":
    """Requests of before ``moment`` that are decided and have no link that still works."""
    live = ResetToken.objects.filter(state=TokenState.LIVE, expires_at__gt=timezone.now())
    decided = ResetRequest.objects.exclude(outcome=Outcome.RECEIVED)
    return decided.filter(requested_at__lt=moment).exclude(pk__in=live.values("request")).order_by()


def _old_cases(moment: datetime) -> "models.QuerySet[SupportCase]":
    """Cases that were closed before ``moment``; an open one stays, however old."""
    return SupportCase.objects.filter(closed_at__lt=moment)


def _cases_before(moment: datetime | None) -> int:
    return _old_cases(moment).delete()[1].get("recovery.SupportCase", 0) if moment else 0


def _old_lockouts(moment: datetime) -> "models.QuerySet[Lockout]":
    """Those that began before ``moment`` and are over."""
    over = Q(lifted_at__isnull=False) | Q(until__lt=timezone.now())
    return Lockout.objects.filter(over, since__lt=moment).order_by()


def _lockouts_before(moment: datetime | None) -> int:
    gone = 0
    for keys in _batches(_old_lockouts, "since", moment):
        gone += Lockout.objects.filter(pk__in=keys)._raw_delete(router.db_for_write(Lockout))
    return gone


def _old_lists(lists: "type[Rotation | Repair]", moment: datetime) -> "models.QuerySet[Any]":
    """Forced rotations, or repairs of incidents, that were finished before ``moment``."""
    return lists._default_manager.filter(finished_at__lt=moment)


def _lists_before(lists: "type[Rotation | Repair]", moment: datetime | None) -> int:
    gone = 0
    for each in _old_lists(lists, moment) if moment else ():
        with atomic(lists):
            each.members.all()._raw_delete(router.db_for_write(lists))
            gone += lists._default_manager.filter(pk=each.pk)._raw_delete(router.db_for_write(lists))
    return gone


def _old_corrections(moment: datetime) -> "models.QuerySet[AddressCorrection]":
    """Corrections of addresses that ended before ``moment``."""
    return AddressCorrection.objects.filter(ended_at__lt=moment)


def _corrections_before(moment: datetime | None) -> int:
    return _old_corrections(moment).delete()[0] if moment else 0


def _old_suppressions(moment: datetime) -> "models.QuerySet[Suppression]":
    """Those that ended before ``moment``, by a lift or by themselves: they stop nothing and count no more."""
    return Suppression.objects.filter(Q(lifted_at__lt=moment) | Q(lifted_at=None, until__lt=moment)).order_by()


def _suppressions_before(moment: datetime) -> int:
    gone = 0
    for keys in _batches(_old_suppressions, "since", moment):
        gone += Suppression.objects.filter(pk__in=keys)._raw_delete(router.db_for_write(Suppression))
    return gone


def _old_backups(moment: datetime) -> "models.QuerySet[BackupAddress]":
    """Addresses that nobody confirmed, whose newest code ended before ``moment``."""
    return BackupAddress.objects.filter(confirmed_at=None, code_until__lt=moment).order_by()


def _backups_before(moment: datetime) -> int:
    gone = 0
    for keys in _batches(_old_backups, "added_at", moment):
        # Asked again: a new code may have been sent meanwhile.
        gone += _old_backups(moment).filter(pk__in=keys)._raw_delete(router.db_for_write(BackupAddress))
    return gone


def _old_roll_ups(model: type[Counts], moment: datetime) -> "models.QuerySet[Counts]":
    return model._default_manager.filter(begins__lt=moment).order_by("begins")


def _roll_ups_before(moment: datetime | None) -> int:
    gone = 0
    for model in (RollUp, RollUpDay):
        while moment and (keys := list(_old_roll_ups(model, moment).values_list("pk", flat=True)[:BATCH])):
            gone += model.objects.filter(pk__in=keys)._raw_delete(router.db_for_write(model))
    return gone


def _old_raw(moment: datetime | None) -> "models.QuerySet[RawEvent]":
    return RawEvent.objects.filter(recorded_at__lt=moment).order_by("recorded_at")


def _providers(rows: "models.QuerySet[Any]") -> list[str]:
    """Their index is by provider and then by time."""
    return list(rows.order_by("esp").values_list("esp", flat=True).distinct())


def _raw_before(moment: datetime | None) -> int:
    """What was posted goes and its event stays; what could not be read is no event, and goes as well."""
    gone = 0
    if moment:
        # What was told of nobody's mail, for as long as what was posted: whoever can post can fill this table.
        nobodys = EmailEvent.objects.filter(email=None)
        old = nobodys.filter(recorded_at__lt=moment, esp__in=_providers(nobodys)).order_by()
        while keys := list(old.values_list("pk", flat=True)[:BATCH]):
            Bounce.objects.filter(event__in=keys)._raw_delete(router.db_for_write(Bounce))
            gone += EmailEvent.objects.filter(pk__in=keys)._raw_delete(router.db_for_write(EmailEvent))
    while moment and (keys := list(_old_raw(moment).values_list("pk", flat=True)[:BATCH])):
        with atomic(EmailEvent):
            gone += EmailEvent.objects.filter(pk__in=keys).update(content="", digest="")
            gone += RawEvent.objects.filter(pk__in=keys)._raw_delete(router.db_for_write(RawEvent))
    return gone


def _old_trail(moment: datetime) -> "models.QuerySet[AuditEvent]":
    return AuditEvent.objects.filter(occurred_at__lt=moment)


def _batches(
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


def _emails_before(moment: datetime | None) -> int:
    gone = 0
    for keys in _batches(_old_emails, "queued_at", moment):
        with atomic(Email):
            Bounce.objects.filter(email__in=keys)._raw_delete(router.db_for_write(Bounce))
            EmailEvent.objects.filter(email__in=keys)._raw_delete(router.db_for_write(EmailEvent))
            Objection.objects.filter(email__in=keys)._raw_delete(router.db_for_write(Objection))
            ResetToken.objects.filter(email__in=keys).update(email=None)
            gone += Email.objects.filter(pk__in=keys)._raw_delete(router.db_for_write(Email))
    return gone


def _requests_before(moment: datetime | None) -> int:
    gone = 0
    for keys in _batches(_old_requests, "requested_at", moment):
        with atomic(Email):
            Decision.objects.filter(request__in=keys)._raw_delete(router.db_for_write(Decision))
            ResetToken.objects.filter(request__in=keys)._raw_delete(router.db_for_write(ResetToken))
            Email.objects.filter(request__in=keys).update(request=None)
            SupportCase.objects.filter(request__in=keys).update(request=None)
            RotationMember.objects.filter(request__in=keys).update(request=None)
            RepairMember.objects.filter(request__in=keys).update(request=None)
            gone += ResetRequest.objects.filter(pk__in=keys)._raw_delete(router.db_for_write(ResetRequest))
    return gone


def _trail_before(moment: datetime | None) -> int:
    gone = 0
    with atomic(AuditEvent):
        for keys in _batches(_old_trail, "occurred_at", moment):
            gone += AuditEvent.objects.purge(keys)
        if gone:
            audit.record(Action.PURGED, rows=gone)
    return gone
