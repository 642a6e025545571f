"""What came back over the "this was not me" links of notices. Judging and confirming stand above."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from recovery.models.emails import Email
from recovery.models.primary import PrimaryManager


class Objection(models.Model):
    """One notice whose link was opened: how often, how often its code was tried, and when it was confirmed. A notice
    that nobody answered has no row; the secrets are in none."""

    email = models.OneToOneField(
        Email,
        models.CASCADE,
        primary_key=True,
        db_constraint=False,  # as of events
        related_name="objection",
        verbose_name=_("notice"),
    )
    user_key = models.CharField(_("whose account"), max_length=200)
    open_count = models.PositiveSmallIntegerField(_("openings"), default=0)
    try_count = models.PositiveSmallIntegerField(_("tries"), default=0, help_text=_("Of its code."))
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)

    objects = PrimaryManager["Objection"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("objection")
        verbose_name_plural = _("objections")
        indexes = [
            models.Index(
                fields=["user_key", "-confirmed_at"],
                name="recovery_objection_confirmed",
                condition=Q(confirmed_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} ({_('confirmed') if self.confirmed_at else _('open')})"
