"""Finds what a lost ring or a dead worker left: due requests, due and abandoned mail, late reports.

Runs from beat, from ``recovery_sweep`` and safely all at once: whatever it finds is claimed like any other.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now
from django.utils import timezone

from recovery import delivery, feedback, resets
from recovery.addresses import normalise
from recovery.conf import conf
from recovery.models import Email, EmailEvent, ResetRequest
from recovery.models.batches import unmatched_events

logger = logging.getLogger(__name__)

BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class Swept:
    """How many requests were decided or ended as too late, mails tried, reports matched."""

    decided: int
    expired: int
    tried: int
    matched: int

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


def sweep() -> Swept:
    """Do what is due, the oldest and most urgent first; commits item by item."""
    expired = resets.expire_late()
    requests = ResetRequest.objects.undecided().order_by("next_try_at").values_list("pk", flat=True)[:BATCH]
    decided = sum(_one(resets.fulfil, pk) for pk in list(requests))
    emails = Email.objects.due().order_by("priority", "next_try_at").values_list("pk", flat=True)[:BATCH]
    tried = sum(_one(delivery.deliver, pk) for pk in list(emails))
    return Swept(decided=decided, expired=expired, tried=tried, matched=feedback.match_late())


def _one(take_on: Callable[[UUID], str | None], pk: UUID) -> bool:
    """One item; what it alone stumbles over must not keep the others waiting. Without the database all would."""
    try:
        return take_on(pk) is not None
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        logger.exception("sweep: %s failed and waits for its next try", pk)
        return False


def outlook() -> Swept:
    """What ``sweep`` would take on now; writes nothing."""
    undecided = ResetRequest.objects.undecided()
    late = undecided.filter(requested_at__lt=Now() - conf.SEND_BY)
    return Swept(
        decided=undecided.count() - late.count(),
        expired=late.count(),
        tried=Email.objects.due().count(),
        matched=sum(map(_has_email, unmatched_events(since=timezone.now() - feedback.LATE))),
    )


def _has_email(event: EmailEvent) -> bool:
    same = Email.objects.filter(esp=event.esp, esp_message_id=event.esp_message_id)
    return same.filter(recipient_key=normalise(event.recipient)).exists()
