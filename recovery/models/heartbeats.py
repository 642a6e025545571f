"""Signs of life. Who gives them and how long silence may last stands in ``heartbeats``."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import PrimaryManager
from recovery.reasons import Part


class Heartbeat(models.Model):
    """The last sign of life of one part. A part that ends on purpose takes its row with it."""

    name = models.CharField(_("name"), max_length=160, primary_key=True, help_text=_("beat, sweep, worker:<node>"))
    part = models.CharField(_("part"), max_length=16, choices=Part.choices)
    beat_at = models.DateTimeField(_("last sign of life"))

    objects = PrimaryManager["Heartbeat"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("sign of life")
        verbose_name_plural = _("signs of life")
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=Q(part__in=Part.values), name="recovery_heartbeat_part_word")]

    def __str__(self) -> str:
        return f"{self.name}: {self.beat_at:%Y-%m-%d %H:%M:%S}"
