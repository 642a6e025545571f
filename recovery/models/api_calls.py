"""Calls of the JSON API that must not happen twice. What a repetition means stands in ``idempotency``."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import PrimaryManager


class ApiCall(models.Model):
    """One call that named an Idempotency-Key. Holds neither the key nor what was sent, but keyed hashes of both."""

    id = models.UUIDField(
        primary_key=True, editable=False, help_text=_("Keyed hash of caller, act and Idempotency-Key.")
    )
    body = models.CharField(_("body"), max_length=64, help_text=_("Keyed hash of what was sent."))
    answer = models.JSONField(
        _("answer"), null=True, blank=True, help_text=_("Facts that the answer is made of; blank while it is at work.")
    )
    ends_at = models.DateTimeField(_("forgotten at"), help_text=_("While it is at work: when another may begin."))

    objects = PrimaryManager["ApiCall"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("API call")
        verbose_name_plural = _("API calls")
        indexes = [models.Index(fields=["ends_at"], name="recovery_apicall_ends")]

    def __str__(self) -> str:
        return str(self.pk)
