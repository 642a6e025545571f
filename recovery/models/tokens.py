"""Links at rest: selector and digest, never the secret. Issuing and judging stand in ``tokens``."""

from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.models.emails import COMES_NO_MORE, Email
from recovery.models.primary import PrimaryManager, new_key
from recovery.models.requests import ResetRequest
from recovery.reasons import TokenState


class ResetTokenQuerySet(models.QuerySet["ResetToken"]):
    def used_since(self, moment: Any) -> "ResetTokenQuerySet":
        """Those by which somebody got in at ``moment`` or later."""
        return self.filter(state=TokenState.USED, ended_at__gte=moment)

    def newer_than(self, moment: Any) -> "ResetTokenQuerySet":
        """Those issued after ``moment`` whose mail arrived, or may still arrive."""
        return self.filter(issued_at__gt=moment).exclude(
            Exists(Email.objects.filter(COMES_NO_MORE, pk=OuterRef("email")))
        )


class ResetToken(models.Model):
    """One reset link for one account. An hour after its life the row becomes a tombstone without address
    and fingerprint, so that the page can still say "expired", "used" or "replaced"."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    selector = models.CharField(_("selector"), max_length=22, help_text=_("Names the link."))
    digest = models.CharField(_("digest"), max_length=64, help_text=_("SHA-256 of the link's secret."))
    purpose = models.CharField(_("purpose"), max_length=16, default="reset")
    user_key = models.CharField(_("whose account"), max_length=200)
    address = models.CharField(_("address"), max_length=254, blank=True, help_text=_("Where the link went."))
    fingerprint = models.CharField(
        _("fingerprint"), max_length=64, blank=True, help_text=_("Of password, address and active flag at issue.")
    )
    request = models.ForeignKey(ResetRequest, models.CASCADE, related_name="tokens", verbose_name=_("request"))
    email = models.ForeignKey(
        Email,
        # A purge of old mail writes to no link: that cost more than the mail itself. The key of what is gone stays, and
        # ``mail`` asks whether it is. NULL is never stored, but lets Django join links whose mail is gone, too.
        models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="tokens",
        verbose_name=_("email"),
    )
    state = models.CharField(_("state"), max_length=16, choices=TokenState.choices, default=TokenState.LIVE)
    issued_at = models.DateTimeField(_("issued"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"), help_text=_("Set anew when the mail is handed over."))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    opened_at = models.DateTimeField(_("first opened"), null=True, blank=True, help_text=_("By whomever."))
    person_opened_at = models.DateTimeField(
        _("first opened by a person"), null=True, blank=True, help_text=_("Mail scanners open links, too.")
    )
    opened_ip = models.GenericIPAddressField(_("client address of the newest opening"), null=True, blank=True)
    open_count = models.PositiveSmallIntegerField(_("openings"), default=0)

    objects = PrimaryManager.from_queryset(ResetTokenQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("reset link")
        verbose_name_plural = _("reset links")
        ordering = ["-issued_at", "id"]
        indexes = [
            models.Index(fields=["user_key", "purpose", "-issued_at"], name="recovery_token_account"),
            models.Index(fields=["expires_at"], name="recovery_token_unpurged", condition=~Q(fingerprint="")),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=TokenState.values), name="recovery_token_state_word"),
            models.UniqueConstraint(fields=["selector"], name="recovery_token_selector"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} link ({self.get_state_display()})"

    def mail(self) -> Email | None:
        """What carried it; None once that was purged."""
        return Email.objects.filter(pk=self.email_id).first() if self.email_id else None
