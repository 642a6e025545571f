"""Corrections of addresses by staff. Proposing, approving and refusing them stand in ``resets``."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import PrimaryManager, new_key
from recovery.reasons import CorrectionState


class AddressCorrectionQuerySet(models.QuerySet["AddressCorrection"]):
    def pending(self) -> "AddressCorrectionQuerySet":
        """Those that nothing has come of yet; the oldest first."""
        return self.filter(state=CorrectionState.PENDING).order_by("id")

    def ripe(self) -> "AddressCorrectionQuerySet":
        """Of the pending ones, those whose wait is over by the database's clock."""
        return self.pending().filter(effective_at__lte=Now())


class AddressCorrection(models.Model):
    """One address that staff want to correct: from what to what, who proposed it and why, and what came of it. An
    account has at most one that is pending."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    user_key = models.CharField(_("whose account"), max_length=200)
    old_address = models.CharField(_("address so far"), max_length=254, blank=True)
    new_address = models.CharField(_("right address"), max_length=254)
    proposer_key = models.CharField(_("proposed by"), max_length=200, help_text=_("Key of the member of staff."))
    reason = models.CharField(_("reason given"), max_length=500)
    proposed_at = models.DateTimeField(_("proposed"), default=timezone.now)
    effective_at = models.DateTimeField(
        _("takes effect"), null=True, blank=True, help_text=_("By itself; blank: when somebody else approves.")
    )
    state = models.CharField(
        _("state"), max_length=16, choices=CorrectionState.choices, default=CorrectionState.PENDING
    )
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    decider_key = models.CharField(
        _("decided by"), max_length=200, blank=True, help_text=_("Key of staff; else blank.")
    )
    decision = models.CharField(_("why it was decided so"), max_length=500, blank=True)

    objects = PrimaryManager.from_queryset(AddressCorrectionQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("correction of an address")
        verbose_name_plural = _("corrections of addresses")
        ordering = ["-id"]
        permissions = [("approve_correction", _("Can approve a correction that somebody else proposed"))]
        indexes = [
            models.Index(fields=["user_key", "-id"], name="recovery_correction_user"),
            models.Index(fields=["id"], name="recovery_correction_pending", condition=Q(state=CorrectionState.PENDING)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=CorrectionState.values), name="recovery_correction_state"),
            models.UniqueConstraint(
                fields=["user_key"], name="recovery_correction_one", condition=Q(state=CorrectionState.PENDING)
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} ({self.get_state_display()})"
