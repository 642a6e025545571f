"""What came back: one row for each failure and complaint. How they are judged stands in ``bounces``."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.models.emails import Email, EmailEvent
from recovery.models.primary import PrimaryManager, new_key
from recovery.reasons import BounceClass


@dataclass(slots=True)
class NewBounce:
    """A bounce that is judged and not written yet. A batch has hundreds, and an instance of the model costs more than
    its row."""

    id: UUID
    email_id: UUID | None
    event_id: int | None
    bounce_class: str
    rule: str
    evidence: str
    status: str
    stream: str
    recipient_key: str
    user_key: str
    esp: str
    occurred_at: datetime
    recorded_at: datetime


class Bounce(models.Model):
    """One failure or complaint about one recipient: its class, and the rule and evidence that it rests on."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    email = models.ForeignKey(
        Email,
        models.CASCADE,
        null=True,
        blank=True,
        db_index=False,  # of those that have one, below
        db_constraint=False,  # as of events
        related_name="bounces",
        verbose_name=_("email"),
        help_text=_("Blank: it is about no mail of ours."),
    )
    event = models.OneToOneField(
        EmailEvent,
        models.CASCADE,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="bounce",
        verbose_name=_("email event"),
        help_text=_("What reported it."),
    )
    bounce_class = models.CharField(_("class"), max_length=16, choices=BounceClass.choices)
    rule = models.CharField(_("rule"), max_length=80, help_text=_("What chose the class."))
    evidence = models.CharField(_("evidence"), max_length=500, blank=True, help_text=_("What the other side said."))
    status = models.CharField(_("status"), max_length=16, blank=True, help_text=_("Enhanced status code."))
    stream = models.CharField(
        _("stream"), max_length=100, blank=True, help_text=_("The provider's name for the kind of mail it was.")
    )
    recipient_key = models.CharField(_("recipient, compared"), max_length=254, help_text=_("Normalised."))
    user_key = models.CharField(_("whose account"), max_length=200, blank=True)
    esp = models.CharField(_("provider"), max_length=40, blank=True)
    occurred_at = models.DateTimeField(_("when"), default=timezone.now)
    recorded_at = models.DateTimeField(_("recorded"), default=timezone.now)

    objects = PrimaryManager["Bounce"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("bounce")
        verbose_name_plural = _("bounces")
        ordering = ["-occurred_at", "id"]
        indexes = [
            models.Index(fields=["recipient_key", "-occurred_at"], name="recovery_bounce_recipient"),
            models.Index(fields=["user_key", "-occurred_at"], name="recovery_bounce_user", condition=~Q(user_key="")),
            models.Index(fields=["email"], name="recovery_bounce_email", condition=Q(email__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(bounce_class__in=BounceClass.values), name="recovery_bounce_class_word")
        ]

    def __str__(self) -> str:
        return f"{self.occurred_at:%Y-%m-%d %H:%M:%S} {self.bounce_class} ({self.rule})"
