"""What providers posted, as it was: kept for a while, so that a report can be explained and one that broke be read."""

from typing import ClassVar, Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from recovery.models.emails import EmailEvent
from recovery.models.primary import PrimaryManager

LONGEST: Final = 16_384
"""How much of what a provider posted about one event is kept."""


class RawEventManager(PrimaryManager["RawEvent"]):
    """Those of which it is still there."""

    def get_queryset(self) -> "models.QuerySet[RawEvent]":
        return super().get_queryset().filter(~Q(content=""))


class RawEvent(EmailEvent):
    """What a provider posted about one event. One with an error was set aside: it could not be read or stored.

    Long ones are cut. ``retention`` ends them by age.
    """

    objects: ClassVar[RawEventManager] = RawEventManager()  # type: ignore[assignment]

    class Meta:
        proxy = True
        base_manager_name = "objects"
        verbose_name = _("raw event")
        verbose_name_plural = _("raw events")
        ordering = ["-recorded_at", "-id"]

    def __str__(self) -> str:
        return f"{self.recorded_at:%Y-%m-%d %H:%M:%S} {self.esp}"
