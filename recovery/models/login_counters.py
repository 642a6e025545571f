"""Counters behind the lockout. What is counted and when it is too much stands in ``lockouts``."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import PrimaryManager


class LoginCounter(models.Model):
    """Failed sign-ins of one name, one known device or one source, and those that are being judged.

    One row and no row for each failure: a try is admitted, and counted, by one statement. Nobody is named in it; the
    key is a keyed hash, for people type passwords where a name belongs. As with ``LimitCounter`` it is a number that
    no database makes.
    """

    key = models.BigAutoField(_("key"), primary_key=True, help_text=_("Keyed hash of what is counted."))
    slots = models.JSONField(
        _("slots"), default=dict, help_text=_("Of each try, the second since 1970 from which it counts as a failure.")
    )
    taken = models.IntegerField(_("taken"), default=0, help_text=_("How many slots there are."))
    failed = models.IntegerField(_("failed"), default=0, help_text=_("How many of them are failures."))
    streak = models.IntegerField(_("in a row"), default=0, help_text=_("Tries since the last that succeeded."))
    locked_until = models.DateTimeField(_("locked until"), null=True, blank=True, help_text=_("Of the newest lock."))
    lock_count = models.IntegerField(_("locks"), default=0, help_text=_("In a row: the wait grows with them."))
    forget_at = models.DateTimeField(_("forgotten at"), help_text=_("From then on the row says nothing. Whole hours."))

    objects = PrimaryManager["LoginCounter"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("login counter")
        verbose_name_plural = _("login counters")
        # Hours, so that most tries leave the index alone: PostgreSQL then rewrites the row in its page and no index.
        indexes = [models.Index(fields=["forget_at"], name="recovery_login_forget")]

    def __str__(self) -> str:
        return str(self.key)
