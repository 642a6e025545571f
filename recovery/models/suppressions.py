"""Addresses that must not be mailed. Adding, lifting and asking stand in ``suppressions``."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.addresses import mask
from recovery.models.primary import PrimaryManager, new_key
from recovery.reasons import EmailKind, Lift, SuppressionReason


class Suppression(models.Model):
    """An address that must not be mailed now: why, since when, until when, lifted by whom."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    address_key = models.CharField(_("address, compared"), max_length=254, help_text=_("Normalised."))
    kind = models.CharField(
        _("kind"), max_length=32, choices=EmailKind.choices, blank=True, help_text=_("Blank: mail of all kinds.")
    )
    reason = models.CharField(_("reason"), max_length=32, choices=SuppressionReason.choices)
    source = models.CharField(_("who says so"), max_length=40)
    bounce_key = models.UUIDField(_("bounce"), null=True, blank=True, help_text=_("What it follows from."))
    since = models.DateTimeField(_("since"), default=timezone.now)
    until = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("Blank: for good."))
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True)
    lift = models.CharField(_("lifted by"), max_length=16, choices=Lift.choices, blank=True)
    lifted_by = models.CharField(_("who lifted it"), max_length=200, blank=True, help_text=_("Key of staff."))
    lift_reason = models.CharField(_("reason given"), max_length=500, blank=True)

    objects = PrimaryManager["Suppression"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("suppressed address")
        verbose_name_plural = _("suppressed addresses")
        ordering = ["-id"]
        permissions = [("lift_suppression", _("Can lift a suppression, here and at the provider"))]
        indexes = [
            models.Index(fields=["address_key"], name="recovery_suppression_live", condition=Q(lifted_at=None)),
        ]

    def __str__(self) -> str:
        return f"{mask(self.address_key)}: {self.reason}"
