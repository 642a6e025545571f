"""Finds what a lost ring or a dead worker left: due requests, due and abandoned mail, late reports.

Runs from beat, from ``recovery_sweep`` and safely all at once: whatever it finds is claimed like any other.
"""

from dataclasses import asdict, dataclass
from typing import Final

from recovery import delivery, feedback, resets
from recovery.models import Email, ResetRequest

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
    decided = sum(resets.fulfil(pk) is not None for pk in list(requests))
    emails = Email.objects.due().order_by("priority", "next_try_at").values_list("pk", flat=True)[:BATCH]
    tried = sum(delivery.deliver(pk) is not None for pk in list(emails))
    return Swept(decided=decided, expired=expired, tried=tried, matched=feedback.match_late())


def outlook() -> Swept:
    """What ``sweep`` would take on now; writes nothing."""
    return Swept(
        decided=ResetRequest.objects.undecided().count(), expired=0, tried=Email.objects.due().count(), matched=0
    )
