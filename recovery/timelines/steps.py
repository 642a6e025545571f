"""One step of a timeline, who says so, and the order in which steps stand. The neighbours tell what the steps are."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy

from recovery.models import Email, ResetRequest


class Party(TextChoices):
    """Who says so, or who did it."""

    US = "us", gettext_lazy("this site")
    PROVIDER = "provider", gettext_lazy("the mail provider")
    PERSON = "person", gettext_lazy("the person")
    SCANNER = "scanner", gettext_lazy("probably a mail scanner")
    STAFF = "staff", gettext_lazy("staff")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. ``what`` is a word for programs, ``label`` the same for people; ``seconds``
    counts from the step before, 0 for the first. ``at`` is as told: a provider's clock may differ from ours.
    ``actor_key`` is the member of staff who did it, where that is known. ``request`` is told where several are.
    """

    at: datetime
    what: str
    label: str
    detail: str
    by: Party
    seconds: float = 0.0
    email: Email | None = None
    actor_key: str = ""
    request: ResetRequest | None = None

    def of(self, request: ResetRequest) -> "Step":
        """The same step, told among those of other requests."""
        return replace(self, request=request)


# Steps of one instant stand in the order in which one thing leads to the next.
_ORDER: Final = (
    "requested", "decided", "queued", "retried", "released", "sending", "asked", "handed_over", "sent", "deferred",
    "unknown", "freed", "delivered",
)  # fmt: skip

TICK: Final = timedelta(microseconds=1)

Placed = tuple[datetime, Step]  # a step and the moment that gives its place


def in_order(placed: Iterable[Placed]) -> list[Step]:
    """Sorted by their places, each with the seconds since the one before it."""

    def place(item: Placed) -> tuple[datetime, int]:
        moment, step = item
        return moment, _ORDER.index(step.what) if step.what in _ORDER else len(_ORDER)

    ordered = sorted(placed, key=place)
    moments = [ordered[0][0], *(moment for moment, _step in ordered)] if ordered else []
    return [
        replace(step, seconds=(moment - before).total_seconds())
        for (moment, step), before in zip(ordered, moments, strict=False)
    ]
