"""People whose data is to be erased and is not yet. What is erased, and in which order, stands in ``privacy``."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import PrimaryManager, new_key


class ErasureQuerySet(models.QuerySet["Erasure"]):
    def due(self) -> "ErasureQuerySet":
        """Those that a worker may take on now, by the database's clock; the longest waiting first."""
        return self.filter(next_try_at__lte=Now()).order_by("next_try_at")


class Erasure(models.Model):
    """One person to be erased: under which names their rows are found, and how many these were. The row goes with the
    last of them, and the trail keeps that it was done."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    user_key = models.CharField(_("whose account"), max_length=200)
    names = models.JSONField(_("names"), default=list, help_text=_("User name and addresses; gone with this row."))
    ips = models.JSONField(
        _("client addresses"), null=True, help_text=_("Of nobody else; gone with this row. Empty: not looked up yet.")
    )
    is_of_deletion = models.BooleanField(
        _("account was deleted"), default=False, help_text=_("If it is there all the same, nothing is erased.")
    )
    actor_key = models.CharField(_("who acted"), max_length=200, blank=True, help_text=_("Key of staff; else blank."))
    system_user = models.CharField(_("machine's account"), max_length=64, blank=True, help_text=_("Of a command."))
    reason = models.CharField(_("reason given"), max_length=500, blank=True)
    held = models.JSONField(_("rows"), default=dict, help_text=_("Of each kind, when the work began."))
    asked_at = models.DateTimeField(_("asked"), default=timezone.now)
    attempt_count = models.PositiveSmallIntegerField(_("tries"), default=0, help_text=_("Counted before the try."))
    next_try_at = models.DateTimeField(_("next try"), default=timezone.now)

    objects = PrimaryManager.from_queryset(ErasureQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        ordering = ["-id"]
        default_permissions = ()  # has no page
        permissions = [("export_person", _("Can take everything that is held about a person as a file"))]
        indexes = [models.Index(fields=["next_try_at"], name="recovery_erasure_due")]

    def __str__(self) -> str:
        return f"{self.asked_at:%Y-%m-%d %H:%M} {self.user_key}"
