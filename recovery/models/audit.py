"""The trail's row. Written by ``audit.record`` alone, changed by nobody."""

from collections.abc import Sequence
from typing import Any, NoReturn
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.exceptions import RecoveryError
from recovery.models.primary import PrimaryManager, new_key
from recovery.reasons import Action


class AppendOnly(RecoveryError):
    """The trail is only ever added to."""


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    """Reads. Bulk writes are refused; retention removes old rows through ``purge``."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def bulk_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly  # it can update rows that are there

    def purge(self, keys: Sequence[UUID]) -> int:
        """Remove these; returns how many rows went."""
        old: models.QuerySet[AuditEvent] = models.QuerySet(self.model, using=self.db).filter(pk__in=keys)
        return old._raw_delete(self.db)


class AuditEvent(models.Model):
    """One thing that somebody did or that was decided. No foreign keys, no personal data: those stand in the
    row that ``request_id`` or ``email_id`` names and can be erased there."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    occurred_at = models.DateTimeField(_("when"), default=timezone.now)
    action = models.CharField(_("what"), max_length=32, choices=Action.choices)
    actor_key = models.CharField(_("who acted"), max_length=200, blank=True, help_text=_("Key of staff; else blank."))
    user_key = models.CharField(_("whose account"), max_length=200, blank=True)
    request_id = models.UUIDField(_("request"), null=True, blank=True)
    email_id = models.UUIDField(_("email"), null=True, blank=True)
    reference = models.CharField(_("reference"), max_length=8, blank=True)
    reason = models.CharField(_("reason given"), max_length=500, blank=True)
    detail = models.JSONField(_("detail"), default=dict, blank=True)

    objects = PrimaryManager.from_queryset(AuditEventQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("audit event")
        verbose_name_plural = _("audit")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["request_id"], name="recovery_audit_request"),
            models.Index(
                fields=["user_key", "occurred_at"], name="recovery_audit_user", condition=~models.Q(user_key="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.occurred_at:%Y-%m-%d %H:%M:%S} {self.action}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert. A new instance with the key of an old row is no way to write over it."""
        if not self._state.adding or args or kwargs.get("force_update") or kwargs.get("update_fields"):
            raise AppendOnly
        super().save(force_insert=True, using=kwargs.get("using"))

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly
