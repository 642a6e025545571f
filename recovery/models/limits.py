"""Counters behind the limits. What is counted and how much is too much stands in ``limits``."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import PrimaryManager


class LimitCounter(models.Model):
    """How often one key did one thing in its running window. Keys are hashed: people type passwords anywhere.

    A number, not text: PostgreSQL's index has a third of the size, and SQLite needs none, for it is the row's own
    number there. That is why it is called "auto", although no database ever makes one.
    """

    key = models.BigAutoField(_("key"), primary_key=True, help_text=_("Keyed hash of purpose and subject."))
    count = models.PositiveIntegerField(_("count"), help_text=_("Tries in the running window."))
    window_ends_at = models.DateTimeField(_("free again at"), help_text=_("The count starts anew after this."))

    objects = PrimaryManager["LimitCounter"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("limit counter")
        verbose_name_plural = _("limit counters")

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"
