"""What all workers know of the ways out for mail. Judging and switching stand in ``routes``."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import PrimaryManager
from recovery.reasons import Circuit, EmailReason


class RouteState(models.Model):
    """What all workers know of one route: is it switched on, is it answering, from when may it be tried again.

    A route of the settings without a row is one that nobody has had trouble with yet.
    """

    name = models.CharField(_("route"), max_length=40, primary_key=True)
    circuit = models.CharField(_("circuit"), max_length=16, choices=Circuit.choices, default=Circuit.CLOSED)
    reason = models.CharField(
        _("reason"), max_length=32, choices=EmailReason.choices, blank=True, help_text=_("Why it is not in use.")
    )
    detail = models.CharField(_("detail"), max_length=500, blank=True, help_text=_("What the other side said."))
    failure_count = models.PositiveIntegerField(_("failures in a row"), default=0)
    success_count = models.PositiveSmallIntegerField(
        _("successes in a row"), default=0, help_text=_("Since it is being tried again.")
    )
    opening_count = models.PositiveSmallIntegerField(
        _("failed again and again"), default=0, help_text=_("Times that it failed without a calm spell between them.")
    )
    opened_at = models.DateTimeField(_("not in use since"), null=True, blank=True)
    closed_at = models.DateTimeField(_("in use again since"), null=True, blank=True)
    probe_at = models.DateTimeField(
        _("next trial"), null=True, blank=True, help_text=_("From when one mail may try it.")
    )
    probe_until = models.DateTimeField(
        _("being tried until"), null=True, blank=True, help_text=_("A worker is trying it with one mail.")
    )
    last_success_at = models.DateTimeField(_("last success"), null=True, blank=True)
    last_failure_at = models.DateTimeField(_("last failure"), null=True, blank=True)
    switched_off = models.BooleanField(_("switched off"), default=False)
    switched_at = models.DateTimeField(_("switched"), null=True, blank=True)
    switched_by = models.CharField(_("switched by"), max_length=200, blank=True, help_text=_("Key of staff."))
    switch_reason = models.CharField(_("reason given"), max_length=500, blank=True)

    objects = PrimaryManager["RouteState"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("route")
        verbose_name_plural = _("routes")
        ordering = ["name"]
        permissions = [("switch_route", _("Can switch a route off and on"))]
        constraints = [
            models.CheckConstraint(condition=Q(circuit__in=Circuit.values), name="recovery_route_circuit_word")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({_('switched off') if self.switched_off else self.get_circuit_display()})"
