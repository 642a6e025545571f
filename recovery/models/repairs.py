"""Repairs of incidents and the people in them. Finding incidents, starting and working on a repair stand in
``incidents``.

A repair is no forced rotation, though both are lists that are worked on at a pace: nothing of it can ever end anybody's
access, and no flag stands between the two. What became of each fresh link is read on the page of incidents, where a
person who has one needs none any more.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.models.emails import Email
from recovery.models.primary import PrimaryManager, new_key
from recovery.models.requests import ResetRequest
from recovery.reasons import Outcome, RepairStep


class IncidentManager(PrimaryManager["Incident"]):
    """None: an incident is found by ``incidents``, and is no row."""

    def get_queryset(self) -> "models.QuerySet[Incident]":
        return super().get_queryset().none()


class Incident(Email):
    """The page of incidents, and who may see and repair them. It stands for mails, and has no rows of its own."""

    objects: ClassVar[IncidentManager] = IncidentManager()  # type: ignore[assignment]

    class Meta:
        proxy = True
        base_manager_name = "objects"
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        default_permissions = ("view",)
        permissions = [("repair_incident", _("Can send fresh links to the people of an incident"))]


class RepairQuerySet(models.QuerySet["Repair"]):
    def unfinished(self) -> "RepairQuerySet":
        """Those in which a worker still has something to do, the small ones first."""
        return self.filter(finished_at=None).order_by("member_count", "id")


class Repair(models.Model):
    """Fresh links for those people of an incident who still needed one: of which incident, by whom, why, and for how
    many."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    cause = models.CharField(_("cause"), max_length=120, help_text=_("Class and rule of a bounce, or a mail's reason."))
    domain = models.CharField(_("recipient domain"), max_length=254, blank=True, help_text=_("Blank: all."))
    route = models.CharField(_("route"), max_length=40, blank=True)
    since = models.DateTimeField(_("mail from"))
    until = models.DateTimeField(_("mail before"))
    actor_key = models.CharField(_("started by"), max_length=200, help_text=_("Key of staff."))
    reason = models.CharField(_("reason given"), max_length=500)
    member_count = models.PositiveIntegerField(_("people"), default=0)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    objects = PrimaryManager.from_queryset(RepairQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("repair of an incident")
        verbose_name_plural = _("repairs of incidents")
        ordering = ["-id"]
        default_permissions = ()  # read on the page of incidents alone
        indexes = [
            models.Index(fields=["id"], name="recovery_repair_unfinished", condition=Q(finished_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} ({self.member_count})"


class RepairMemberQuerySet(models.QuerySet["RepairMember"]):
    def due(self) -> "RepairMemberQuerySet":
        """Those that a worker may take on now, in the order in which they were listed."""
        return self.filter(step=RepairStep.WAITING, next_try_at__lte=Now()).order_by("id")

    def under_way(self) -> "RepairMemberQuerySet":
        """Those for whom a link will be made without anybody asking again."""
        undecided = Q(step=RepairStep.ASKED, request__outcome=Outcome.RECEIVED)
        return self.filter(Q(step=RepairStep.WAITING) | undecided)


class RepairMember(models.Model):
    """One person of a repair: since when they wait for a link that works, and the request for the fresh one."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    repair = models.ForeignKey(
        Repair, models.CASCADE, db_index=False, related_name="members", verbose_name=_("repair of an incident")
    )
    user_key = models.CharField(_("whose account"), max_length=200)
    waits_since = models.DateTimeField(_("waits since"), help_text=_("When the newest link was issued that failed."))
    audience = models.CharField(_("audience"), max_length=40, default="default")
    language = models.CharField(_("language"), max_length=16, blank=True)
    step = models.CharField(_("step"), max_length=16, choices=RepairStep.choices, default=RepairStep.WAITING)
    request = models.ForeignKey(
        ResetRequest, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("request")
    )
    attempt_count = models.PositiveSmallIntegerField(_("tries"), default=0, help_text=_("Counted before the try."))
    next_try_at = models.DateTimeField(_("next try"), default=timezone.now)

    objects = PrimaryManager.from_queryset(RepairMemberQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("person of a repair")
        verbose_name_plural = _("people of repairs")
        ordering = ["-id"]
        default_permissions = ()  # counted on the page of incidents alone
        indexes = [
            models.Index(fields=["repair", "step", "id"], name="recovery_repaired_of"),
            models.Index(fields=["user_key", "-id"], name="recovery_repaired_user"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(step__in=RepairStep.values), name="recovery_repaired_step_word"),
            # Whoever presses twice, or two at once, list nobody twice.
            models.UniqueConstraint(
                fields=["user_key"], name="recovery_repaired_one_waiting", condition=Q(step=RepairStep.WAITING)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_key} ({self.get_step_display()})"
