"""Which mail may leave at all, change by change. What a level holds back stands in ``level``."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import PrimaryManager
from recovery.reasons import MailLevel


class LevelSwitch(models.Model):
    """One change of the level. The newest row holds; without a row the level is "all"."""

    id = models.BigAutoField(primary_key=True)
    level = models.CharField(_("level"), max_length=8, choices=MailLevel.choices)
    actor_key = models.CharField(_("who acted"), max_length=200, help_text=_("Key of staff."))
    reason = models.CharField(_("reason given"), max_length=500)
    switched_at = models.DateTimeField(_("when"), default=timezone.now)

    objects = PrimaryManager["LevelSwitch"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("change of the mail level")
        verbose_name_plural = _("mail level")
        ordering = ["-id"]
        permissions = [("change_level", _("Can change the mail level"))]
        constraints = [models.CheckConstraint(condition=Q(level__in=MailLevel.values), name="recovery_level_word")]

    def __str__(self) -> str:
        return f"{self.switched_at:%Y-%m-%d %H:%M:%S} {self.level}"
