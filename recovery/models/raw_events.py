"""What providers posted, as it was: kept for a while, so that a report can be explained and one that broke be read."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import PrimaryManager


class RawEvent(models.Model):
    """What a provider posted about one event. One with an error was set aside: it could not be read or stored.

    Long ones are cut. ``retention`` ends them by age.
    """

    id = models.BigAutoField(primary_key=True)
    esp = models.CharField(_("provider"), max_length=40)
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    content = models.TextField(_("what was posted"), blank=True)
    digest = models.CharField(
        _("digest"), max_length=64, blank=True, help_text=_("SHA-256 of the whole, before it was cut.")
    )
    error = models.CharField(_("error"), max_length=200, blank=True, help_text=_("Why it was set aside."))
    dedupe_key = models.CharField(  # noqa: DJ001 - that of its event, which is unique where it is not NULL
        max_length=32, null=True, editable=False
    )

    objects = PrimaryManager["RawEvent"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("raw event")
        verbose_name_plural = _("raw events")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["esp", "received_at"], name="recovery_raw_received"),
            models.Index(fields=["-id"], name="recovery_raw_aside", condition=~Q(error="")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["dedupe_key"], name="recovery_raw_told_once", condition=Q(dedupe_key__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"{self.received_at:%Y-%m-%d %H:%M:%S} {self.esp}"
