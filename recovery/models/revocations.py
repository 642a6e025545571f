"""Access that ought to have ended and has not yet. Trying again stands in ``revoking``."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import PrimaryManager, new_key


class RevocationQuerySet(models.QuerySet["Revocation"]):
    def due(self) -> "RevocationQuerySet":
        """Those to try now, by the database's clock; the longest overdue first."""
        return self.filter(next_try_at__lte=Now()).order_by("next_try_at")

    def given_up(self) -> "RevocationQuerySet":
        """Those that somebody must look at."""
        return self.filter(given_up_at__isnull=False)


class Revocation(models.Model):
    """One kind of tokens of one account that could not be ended when its password was. Tried again until it is done,
    which removes the row, or given up."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    user_key = models.CharField(_("whose account"), max_length=200)
    revoker = models.CharField(_("what could not be ended"), max_length=200, help_text=_("A kind, or a dotted path."))
    began_at = models.DateTimeField(_("failed first"), default=timezone.now)
    attempt_count = models.PositiveSmallIntegerField(_("tries"), default=1)
    error = models.CharField(_("trouble"), max_length=200, help_text=_("Name of the exception."))
    next_try_at = models.DateTimeField(_("next try"), null=True, blank=True)
    given_up_at = models.DateTimeField(_("given up"), null=True, blank=True)

    objects = PrimaryManager.from_queryset(RevocationQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("access that did not end")
        verbose_name_plural = _("access that did not end")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                name="recovery_revocation_due",
                condition=models.Q(next_try_at__isnull=False),
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["user_key", "revoker"], name="recovery_revocation_once"),
        ]

    def __str__(self) -> str:
        return f"{self.revoker} ({self.user_key})"
