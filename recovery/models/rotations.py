"""Forced rotations and the accounts in them. Starting, working on and stopping one stand in ``resets``.

Where an account is, is read from what happened to its request, mail and links: nobody writes it down a second time.
"""

from typing import Any, Final

from django.db import models
from django.db.models import Case, Count, Exists, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Concat, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.models.audit import AuditEvent
from recovery.models.cases import SupportCase
from recovery.models.emails import Email
from recovery.models.primary import PrimaryManager, new_key
from recovery.models.requests import ResetRequest
from recovery.models.revocations import Revocation
from recovery.models.tokens import ResetToken
from recovery.reasons import (
    LINK_KINDS,
    UNFINISHED,
    Action,
    EmailState,
    Outcome,
    RotationSnag,
    RotationSource,
    RotationStage,
    RotationStep,
    TokenState,
)

NOT_MAILED: Final = (
    Outcome.INACTIVE,
    Outcome.NO_ACCOUNT,
    Outcome.NO_PASSWORD,
    Outcome.NO_ADDRESS,
    Outcome.UNVERIFIED_ADDRESS,
    Outcome.DISPUTED,
)
"""Outcomes of a request for which no link is made."""
NEED_NOBODY: Final = (
    RotationStage.COMPLETED,
    RotationStage.STOPPED,
    f"{RotationStage.NOT_MAILED}.{Outcome.INACTIVE}",
    f"{RotationStage.NOT_MAILED}.{Outcome.NO_ACCOUNT}",
    f"{RotationStage.NOT_MAILED}.{Outcome.NO_PASSWORD}",
)
"""Places at which an account needs no support: who has no password here still signs in by another service."""
_SNAGS: Final = {
    EmailState.WITHHELD: RotationSnag.WITHHELD,
    EmailState.EXPIRED: RotationSnag.TOO_LATE,
    EmailState.CANCELLED: RotationSnag.CANCELLED,
    EmailState.FAILED: RotationSnag.REFUSED,
    EmailState.BOUNCED: RotationSnag.BOUNCED,
}


class RotationQuerySet(models.QuerySet["Rotation"]):
    def unfinished(self) -> "RotationQuerySet":
        """Those in which a worker still has something to do; the small ones first, for one person must not wait behind
        ten thousand."""
        return self.filter(finished_at=None).order_by("member_count", "id")


class Rotation(models.Model):
    """One start of the compromise playbook: who started it, why, from what, and for how many accounts."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    source = models.CharField(_("started from"), max_length=16, choices=RotationSource.choices)
    actor_key = models.CharField(_("started by"), max_length=200, blank=True, help_text=_("Key of staff; else blank."))
    reason = models.CharField(_("reason given"), max_length=500)
    evidence = models.TextField(_("evidence"), max_length=2000, blank=True, help_text=_("For support; never mailed."))
    member_count = models.PositiveIntegerField(_("accounts"), default=0)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    finished_at = models.DateTimeField(
        _("finished"), null=True, blank=True, help_text=_("When the access of the last account had ended.")
    )
    case = models.ForeignKey(
        SupportCase, models.SET_NULL, null=True, blank=True, related_name="rotations", verbose_name=_("support case")
    )

    objects = PrimaryManager.from_queryset(RotationQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("forced rotation")
        verbose_name_plural = _("forced rotations")
        ordering = ["-id"]
        permissions = [("force_rotation", _("Can end people's access and force a new password"))]
        indexes = [
            models.Index(fields=["id"], name="recovery_rotation_unfinished", condition=Q(finished_at=None)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(source__in=RotationSource.values), name="recovery_rotation_source"),
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} ({self.member_count})"


class RotationMemberQuerySet(models.QuerySet["RotationMember"]):
    def due(self) -> "RotationMemberQuerySet":
        """Those that a worker may take on now, in the order in which they were listed."""
        return self.filter(step__in=UNFINISHED, next_try_at__lte=Now()).order_by("id")

    def placed(self) -> "RotationMemberQuerySet":
        """With ``place``: a word of ``RotationStage``, and for those who are stuck or not mailed a dot and why.

        What counts is the newest mail of the member's request (the ladder may have sent one to a backup address), and
        any link of the account since: whoever asked on the forgot page meanwhile, and got in, has got in.
        """
        links = ResetToken.objects.filter(user_key=OuterRef("user_key"), issued_at__gte=OuterRef("rotated_at"))
        working = Q(Exists(links.filter(state=TokenState.LIVE, expires_at__gt=Now())))
        # SQLite takes the index of the trail only where the condition of that index stands in the text.
        trail = AuditEvent.objects.exclude(user_key="").filter(user_key=OuterRef("user_key"))
        seen = trail.filter(occurred_at__gte=OuterRef("rotated_at"), action=Action.LINK_OPENED)
        opened = Q(Exists(seen.filter(detail__form_shown=True)))
        unrevoked = Revocation.objects.given_up().filter(user_key=OuterRef("user_key"))
        unrevoked = unrevoked.filter(began_at__gte=OuterRef("rotated_at"))
        not_mailed = Concat(Value(f"{RotationStage.NOT_MAILED}."), "request__outcome")
        return self.annotate(mail_place=_place_of_mail()).annotate(
            place=Case(
                _at(RotationStage.WAITING, Q(step=RotationStep.WAITING)),
                _at(RotationStage.STOPPED, Q(step=RotationStep.STOPPED)),
                _stuck(RotationSnag.ERROR, Q(step=RotationStep.FAILED)),
                # A new password does not help where a thief's token still works.
                _stuck(RotationSnag.NOT_REVOKED, Q(Exists(unrevoked))),
                _at(RotationStage.COMPLETED, Q(Exists(links.filter(state=TokenState.USED)))),
                _at(RotationStage.STARTED, Q(step=RotationStep.LINK_DUE) | Q(request__outcome=Outcome.RECEIVED)),
                When(request__outcome__in=NOT_MAILED, then=not_mailed),
                _stuck(RotationSnag.TOO_LATE, Q(request__outcome=Outcome.EXPIRED)),
                _at(RotationStage.OPENED, opened & working),
                When(mail_place__startswith=RotationStage.STUCK, then="mail_place"),
                _stuck(RotationSnag.LINK_OVER, ~working),
                default=Coalesce("mail_place", Value(str(RotationStage.STARTED))),
                output_field=models.CharField(),
            )
        )

    def at(self, stage: str, why: str = "") -> "RotationMemberQuerySet":
        """Of ``placed`` ones, those at a stage; ``why``: for that reason alone."""
        return self.filter(Q(place=f"{stage}.{why}") if why else Q(place__startswith=stage))

    def counts(self) -> dict[tuple[str, str], int]:
        """How many are at each stage, and why: one statement. They add up to all."""
        members: Any = self.placed().order_by()
        counted = dict[tuple[str, str], int]()
        for place, count in members.values_list("place").annotate(count=Count("pk")):
            stage, _dot, why = place.partition(".")
            counted[stage, why] = count
        return counted


class RotationMember(models.Model):
    """One account of a forced rotation: what was done with it, and the request for its newest link."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    rotation = models.ForeignKey(
        Rotation, models.CASCADE, db_index=False, related_name="members", verbose_name=_("forced rotation")
    )
    user_key = models.CharField(_("whose account"), max_length=200)
    step = models.CharField(_("step"), max_length=16, choices=RotationStep.choices, default=RotationStep.WAITING)
    request = models.ForeignKey(
        ResetRequest, models.SET_NULL, null=True, blank=True, related_name="members", verbose_name=_("request")
    )
    attempt_count = models.PositiveSmallIntegerField(_("tries"), default=0, help_text=_("Counted before the try."))
    next_try_at = models.DateTimeField(_("next try"), default=timezone.now)
    rotated_at = models.DateTimeField(_("access ended"), null=True, blank=True)

    objects = PrimaryManager.from_queryset(RotationMemberQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("account of a forced rotation")
        verbose_name_plural = _("accounts of forced rotations")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["rotation", "id"], name="recovery_member_due", condition=Q(step__in=UNFINISHED)),
            models.Index(fields=["user_key", "-id"], name="recovery_member_user"),
            models.Index(fields=["rotation"], name="recovery_member_failed", condition=Q(step=RotationStep.FAILED)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(step__in=RotationStep.values), name="recovery_member_step_word"),
            models.UniqueConstraint(fields=["rotation", "user_key"], name="recovery_member_once"),
            models.UniqueConstraint(
                fields=["user_key"], name="recovery_member_one_unfinished", condition=Q(step__in=UNFINISHED)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_key} ({self.get_step_display()})"


def _place_of_mail() -> Subquery:
    """What the newest mail of the request says."""
    mail = Email.objects.filter(request=OuterRef("request"), kind__in=LINK_KINDS)
    place = Case(
        *[_stuck(snag, Q(state=state)) for state, snag in _SNAGS.items()],
        _at(RotationStage.DELIVERED, Q(state=EmailState.DELIVERED)),
        _at(RotationStage.TOLD, Q(handed_over_at__isnull=False)),
        default=Value(str(RotationStage.STARTED)),
        output_field=models.CharField(),
    )
    # Not by an index's order: a database might walk that, and look for the request in all mail there is.
    return Subquery(mail.annotate(place=place).order_by("-queued_at", "-id").values("place")[:1])


def _at(place: str, condition: Q) -> When:
    return When(condition, then=Value(str(place)))


def _stuck(snag: RotationSnag, condition: Q) -> When:
    return _at(f"{RotationStage.STUCK}.{snag}", condition)
