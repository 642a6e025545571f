"""Backup addresses of accounts. Adding, confirming and removing stand in ``backup_addresses``."""

from datetime import datetime

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.conf import conf
from recovery.models.primary import PrimaryManager, new_key
from recovery.reasons import BackupState


class BackupAddressQuerySet(models.QuerySet["BackupAddress"]):
    def usable(self) -> "BackupAddressQuerySet":
        """Confirmed, and the waiting time is over by the database's clock; the oldest first."""
        return self.filter(confirmed_at__lte=Now() - conf.BACKUP_WAIT).order_by("confirmed_at", "id")


class BackupAddress(models.Model):
    """An address that the person added for when mail to the main one fails. Removing it removes the row."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    user_key = models.CharField(_("whose account"), max_length=200)
    address = models.CharField(_("address"), max_length=254)
    address_key = models.CharField(_("address, compared"), max_length=254, help_text=_("Normalised."))
    added_at = models.DateTimeField(_("added"), default=timezone.now)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    code_salt = models.CharField(_("code"), max_length=32, help_text=_("Names the newest code; opens nothing."))
    code_until = models.DateTimeField(_("code works until"))
    try_count = models.PositiveSmallIntegerField(_("tries"), default=0, help_text=_("Of the newest code."))

    objects = PrimaryManager.from_queryset(BackupAddressQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("backup address")
        verbose_name_plural = _("backup addresses")
        ordering = ["added_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["user_key", "address_key"], name="recovery_backup_once"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} ({BackupState(self.state).label})"

    @property
    def usable_from(self) -> datetime | None:
        """When its waiting time is over; None before it is confirmed."""
        return self.confirmed_at + conf.BACKUP_WAIT if self.confirmed_at else None

    @property
    def state(self) -> str:
        """A word of ``BackupState``."""
        if self.usable_from is None:
            return BackupState.UNCONFIRMED
        return BackupState.USABLE if self.usable_from <= timezone.now() else BackupState.WAITING
