"""Counters behind the limits. What is counted and how much is too much stands in ``limits``."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import PrimaryManager


class LimitCounter(models.Model):
    """How often one key did one thing in its running window. Keys are hashed: people type passwords anywhere."""

    key = models.CharField(_("key"), max_length=80, primary_key=True, help_text=_("Purpose and keyed hash."))
    count = models.PositiveIntegerField(_("count"), help_text=_("Tries in the running window."))
    window_ends_at = models.DateTimeField(_("free again at"), help_text=_("The count starts anew after this."))

    objects = PrimaryManager["LimitCounter"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("limit counter")
        verbose_name_plural = _("limit counters")

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"
