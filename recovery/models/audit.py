"""The trail's rows, and what seals them. Written by ``audit`` alone, changed by nobody.

Where somebody acted from is personal data. It stands beside the trail in ``AuditOrigin``, for an ask in its request,
and is destroyed there; of it a row has a digest whose salt goes with it.
"""

from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.exceptions import RecoveryError
from recovery.models.primary import PrimaryManager, new_key
from recovery.reasons import Action, ActOutcome

Row = TypeVar("Row", bound=models.Model)


class AppendOnly(RecoveryError):
    """The trail is only ever added to."""


class AppendOnlyQuerySet(models.QuerySet[Row]):
    """Reads. Bulk writes are refused; retention removes old rows through ``purge``."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def bulk_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly  # it can update rows that are there

    def purge(self, keys: Sequence[Any]) -> int:
        """Remove these; returns how many rows went. For ``audit.purge``, which opens the gate in the triggers."""
        old: models.QuerySet[Row] = models.QuerySet(self.model, using=self.db).filter(pk__in=keys)
        return old._raw_delete(self.db)


class AuditEventQuerySet(AppendOnlyQuerySet["AuditEvent"]):
    """Of the rows of the trail."""


class AuditSealQuerySet(AppendOnlyQuerySet["AuditSeal"]):
    """Of its seals."""


class AppendOnlyModel(models.Model):
    """A row that is inserted once."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert. A new instance with the key of an old row is no way to write over it."""
        if not self._state.adding or args or kwargs.get("force_update") or kwargs.get("update_fields"):
            raise AppendOnly
        super().save(force_insert=True, using=kwargs.get("using"))

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly


class AuditEvent(AppendOnlyModel):
    """One thing that somebody did or that was decided. No foreign keys, no personal data: those stand in the
    row that ``request_id`` or ``email_id`` names, or beside this one, and can be erased there."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    occurred_at = models.DateTimeField(_("when"), default=timezone.now)
    action = models.CharField(_("what"), max_length=32, choices=Action.choices)
    outcome = models.CharField(_("outcome"), max_length=8, choices=ActOutcome.choices, default=ActOutcome.DONE)
    actor_key = models.CharField(_("who acted"), max_length=200, blank=True, help_text=_("Key of staff; else blank."))
    user_key = models.CharField(_("whose account"), max_length=200, blank=True)
    request_id = models.UUIDField(_("request"), null=True, blank=True)
    email_id = models.UUIDField(_("email"), null=True, blank=True)
    reference = models.CharField(_("reference"), max_length=8, blank=True)
    reason = models.CharField(_("reason given"), max_length=500, blank=True)
    origin = models.CharField(
        _("digest of where from"), max_length=32, blank=True, help_text=_("Salted; the salt is beside it.")
    )
    detail = models.JSONField(_("detail"), default=dict, blank=True)

    beside: "AuditOrigin | None" = None
    """Where its person acted from, until both are written."""

    objects = PrimaryManager.from_queryset(AuditEventQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("audit event")
        verbose_name_plural = _("audit")
        ordering = ["-id"]
        permissions = [("export_audit", _("Can export the trail for auditors"))]
        indexes = [
            models.Index(fields=["request_id"], name="recovery_audit_request"),
            models.Index(
                fields=["user_key", "occurred_at"], name="recovery_audit_user", condition=~models.Q(user_key="")
            ),
            # Of what staff did, and of what was refused, alone: an ordinary ask writes neither.
            models.Index(fields=["actor_key", "-id"], name="recovery_audit_actor", condition=~models.Q(actor_key="")),
            models.Index(
                fields=["outcome", "-id"], name="recovery_audit_outcome", condition=~models.Q(outcome=ActOutcome.DONE)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.occurred_at:%Y-%m-%d %H:%M:%S} {self.action}"


class AuditOrigin(models.Model):
    """Where the person of one row of the trail acted from. Personal data, so it may be destroyed: the row's digest of
    it means nothing without the salt, and no seal covers more."""

    id = models.UUIDField(
        primary_key=True, default=new_key, editable=False, help_text=_("Key of the row of the trail.")
    )
    person_key = models.CharField(_("who"), max_length=200, blank=True, help_text=_("Blank: nobody who is known."))
    ip = models.GenericIPAddressField(_("client address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=256, blank=True)
    salt = models.CharField(_("salt"), max_length=32, help_text=_("Of the digest in the row of the trail."))

    objects = PrimaryManager["AuditOrigin"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("where somebody acted from")
        verbose_name_plural = _("where people acted from")
        indexes = [
            models.Index(fields=["person_key"], name="recovery_audit_person", condition=~models.Q(person_key=""))
        ]

    def __str__(self) -> str:
        return str(self.id)


class AuditSeal(AppendOnlyModel):
    """One batch of the trail, bound to all batches before it. What its parts mean stands in ``audit.offline``."""

    number = models.PositiveBigIntegerField(_("number"), primary_key=True)
    first = models.PositiveBigIntegerField(_("first position"))
    count = models.PositiveIntegerField(_("rows"))
    keys = models.BinaryField(_("keys"), help_text=_("16 bytes for each row."))
    digests = models.BinaryField(_("digests"), help_text=_("32 bytes for each row."))
    frontier = models.UUIDField(_("newest key"), help_text=_("Of this batch."))
    sealed_at = models.DateTimeField(_("sealed"))
    previous = models.CharField(_("head before"), max_length=64)
    head = models.CharField(_("head"), max_length=64)
    key_id = models.CharField(_("name of the key"), max_length=16)
    proof = models.CharField(_("proof"), max_length=64)

    odd: Sequence[str] = ()
    """Columns whose value was replaced when it was read, since it was none of theirs."""

    objects = PrimaryManager.from_queryset(AuditSealQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("seal of the trail")
        verbose_name_plural = _("seals of the trail")
        ordering = ["-number"]
        indexes = [models.Index(fields=["frontier"], name="recovery_audit_frontier")]

    def __str__(self) -> str:
        return str(self.number)

    @property
    def last(self) -> int:
        """Position of its last row."""
        return self.first + self.count - 1

    def row_keys(self) -> list[UUID]:
        return [UUID(bytes=key) for key in keys_in(self.keys)]

    def row_digests(self) -> list[bytes]:
        return _parts(self.digests, 32)


def keys_in(stored: bytes | memoryview) -> list[bytes]:
    """The keys that a seal holds."""
    return _parts(stored, 16)


def _parts(stored: bytes | memoryview, size: int) -> list[bytes]:
    found = bytes(stored)
    return [found[at : at + size] for at in range(0, len(found) - size + 1, size)]


class AuditAnchor(models.Model):
    """The head of the chain in one hour, as it is told outside. ``told`` names who took it; ``told_at`` is empty until
    all did."""

    hour = models.DateTimeField(_("hour"), primary_key=True)
    number = models.PositiveBigIntegerField(_("seal"))
    position = models.PositiveBigIntegerField(_("position"))
    head = models.CharField(_("head"), max_length=64)
    told = models.JSONField(_("told to"), default=list, blank=True)
    told_at = models.DateTimeField(_("told"), null=True, blank=True)

    objects = PrimaryManager["AuditAnchor"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("anchor of the trail")
        verbose_name_plural = _("anchors of the trail")
        ordering = ["-hour"]

    def __str__(self) -> str:
        return f"recovery-anchor:{self.number}:{self.position}:{self.head}"
