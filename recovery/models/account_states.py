"""What recovery remembers of an account beside its user row."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import PrimaryManager


class AccountStateQuerySet(models.QuerySet["AccountState"]):
    def frozen(self) -> "AccountStateQuerySet":
        """Whose addresses must not be changed now, by the database's clock."""
        return self.filter(addresses_frozen_until__gt=Now())


class AccountState(models.Model):
    """One account: since when it has a known device, and under which form of the hash; until when its addresses stay as
    they are, and when its owner said that the change of its address was not theirs. No row: none of it."""

    user_key = models.CharField(_("whose account"), max_length=200, primary_key=True)
    device_known_since = models.DateTimeField(
        _("known device since"), null=True, blank=True, help_text=_("From then on a sign-in from another is told.")
    )
    addresses_frozen_until = models.DateTimeField(
        _("addresses stay until"), null=True, blank=True, help_text=_("After a compromise nobody changes them.")
    )
    disputed_at = models.DateTimeField(
        _("address disputed"), null=True, blank=True, help_text=_("By whoever has another address of the account.")
    )

    hashed_as = models.CharField(
        _("newest form of the hash"),
        max_length=64,
        blank=True,
        help_text=_("SHA-256 of the hash, not of the password."),
    )
    known_as = models.CharField(
        _("form that devices know"),
        max_length=64,
        blank=True,
        help_text=_("The same of its form before; same password."),
    )

    objects = PrimaryManager.from_queryset(AccountStateQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("account state")
        verbose_name_plural = _("account states")
        permissions = [("forget_devices", _("Can forget a person's known devices"))]

    def __str__(self) -> str:
        return self.user_key
