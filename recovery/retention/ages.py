"""Which rows are past their time. Reads only; nothing goes that is still of use, however short the site keeps it."""

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from recovery import suppressions
from recovery.conf import conf
from recovery.models import (
    AddressCorrection,
    AuditEvent,
    BackupAddress,
    Email,
    EmailEvent,
    Lockout,
    RawEvent,
    Repair,
    ResetRequest,
    ResetToken,
    Rotation,
    SupportCase,
    Suppression,
)
from recovery.models.roll_ups import Counts
from recovery.reasons import Outcome, TokenState


def before(kept: str) -> datetime | None:
    """The moment before which rows of this kind are too old (``RETENTION``); None: they are kept for good."""
    age: timedelta | None = conf.RETENTION[kept]
    return timezone.now() - age if age else None


def old_emails(moment: datetime) -> "models.QuerySet[Email]":
    """Mail of before ``moment`` that cannot leave any more, however short the site keeps its mail."""
    return Email.objects.filter(queued_at__lt=moment, send_by__lt=timezone.now())


def old_requests(moment: datetime) -> "models.QuerySet[ResetRequest]":
    """Requests of before ``moment`` that are decided and have no link that still works."""
    live = ResetToken.objects.filter(state=TokenState.LIVE, expires_at__gt=timezone.now())
    decided = ResetRequest.objects.exclude(outcome=Outcome.RECEIVED)
    return decided.filter(requested_at__lt=moment).exclude(pk__in=live.values("request")).order_by()


def old_cases(moment: datetime) -> "models.QuerySet[SupportCase]":
    """Cases that were closed before ``moment``; an open one stays, however old."""
    return SupportCase.objects.filter(closed_at__lt=moment).order_by()


def old_lockouts(moment: datetime) -> "models.QuerySet[Lockout]":
    """Those that began before ``moment`` and are over."""
    over = Q(lifted_at__isnull=False) | Q(until__lt=timezone.now())
    return Lockout.objects.filter(over, since__lt=moment).order_by()


def old_lists(lists: "type[Rotation | Repair]", moment: datetime) -> "models.QuerySet[Any]":
    """Forced rotations, or repairs of incidents, that were finished before ``moment``."""
    return lists._default_manager.filter(finished_at__lt=moment)


def old_corrections(moment: datetime) -> "models.QuerySet[AddressCorrection]":
    """Corrections of addresses that ended before ``moment``."""
    return AddressCorrection.objects.filter(ended_at__lt=moment).order_by()


def old_suppressions(moment: datetime) -> "models.QuerySet[Suppression]":
    """Those that ended before ``moment``, by a lift or by themselves: they stop nothing and count no more."""
    return Suppression.objects.filter(Q(lifted_at__lt=moment) | Q(lifted_at=None, until__lt=moment)).order_by()


def ended_of_erased() -> "models.QuerySet[Suppression]":
    """What was left of somebody who was erased, so that they are not mailed: it goes with its end."""
    left = Suppression.objects.filter(lifted_at=None, address_key__startswith=suppressions.HASHED)
    return left.filter(until__lt=timezone.now()).order_by()


def old_backups(moment: datetime) -> "models.QuerySet[BackupAddress]":
    """Addresses that nobody confirmed, whose newest code ended before ``moment``."""
    return BackupAddress.objects.filter(confirmed_at=None, code_until__lt=moment).order_by()


def old_roll_ups(model: type[Counts], moment: datetime) -> "models.QuerySet[Counts]":
    return model._default_manager.filter(begins__lt=moment).order_by("begins")


def old_raw(moment: datetime | None) -> "models.QuerySet[RawEvent]":
    return RawEvent.objects.filter(recorded_at__lt=moment).order_by("recorded_at")


def old_of_nobody(moment: datetime) -> "models.QuerySet[EmailEvent]":
    """What was told of nobody's mail, for as long as what was posted: whoever can post can fill this table."""
    nobodys = EmailEvent.objects.filter(email=None)
    # Their index is by provider and then by time.
    providers = list(nobodys.order_by("esp").values_list("esp", flat=True).distinct())
    return nobodys.filter(recorded_at__lt=moment, esp__in=providers).order_by()


def old_trail(moment: datetime) -> "models.QuerySet[AuditEvent]":
    return AuditEvent.objects.filter(occurred_at__lt=moment)
