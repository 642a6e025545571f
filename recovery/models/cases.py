"""Support cases, what staff noted about them, and how far the news of them is. Rules stand in ``cases``."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import PrimaryManager, new_key
from recovery.models.requests import ResetRequest
from recovery.reasons import CaseEnd, CaseNews, CaseReason, TellingState


class SupportCase(models.Model):
    """One incident: of a person whom no mail reaches or whose account was compromised, or of a forced rotation of many.
    All cases are urgent: somebody cannot get in."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    user_key = models.CharField(
        _("whose account"), max_length=200, blank=True, help_text=_("Blank: of a forced rotation of many.")
    )
    request = models.ForeignKey(
        ResetRequest, models.SET_NULL, null=True, blank=True, related_name="cases", verbose_name=_("request")
    )
    reason = models.CharField(_("reason"), max_length=32, choices=CaseReason.choices)
    failure_count = models.PositiveSmallIntegerField(_("failures"), default=1, help_text=_("Mails that failed."))
    began_at = models.DateTimeField(_("began"), help_text=_("When the mail was queued that failed first."))
    opened_at = models.DateTimeField(_("opened"), default=timezone.now)
    assigned_to = models.CharField(_("assigned to"), max_length=200, blank=True, help_text=_("Key of staff."))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    closed_by = models.CharField(_("closed by"), max_length=200, blank=True, help_text=_("Key of staff; else blank."))
    end = models.CharField(_("closed because"), max_length=16, choices=CaseEnd.choices, blank=True)
    end_reason = models.CharField(_("reason given"), max_length=500, blank=True)

    objects = PrimaryManager["SupportCase"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("support case")
        verbose_name_plural = _("support cases")
        ordering = ["-opened_at", "id"]
        permissions = [("work_cases", _("Can assign, note and close support cases"))]
        indexes = [
            models.Index(fields=["opened_at", "-id"], name="recovery_case_newest"),
            models.Index(fields=["user_key", "-opened_at"], name="recovery_case_user"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(reason__in=CaseReason.values), name="recovery_case_reason_word"),
            models.UniqueConstraint(
                fields=["user_key"],
                name="recovery_case_one_open",
                condition=Q(closed_at__isnull=True) & ~Q(user_key=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} ({_('closed') if self.closed_at else _('open')})"


class CaseNote(models.Model):
    """What a member of staff wrote about a case."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    case = models.ForeignKey(SupportCase, models.CASCADE, related_name="notes", verbose_name=_("support case"))
    actor_key = models.CharField(_("who wrote it"), max_length=200)
    text = models.CharField(_("note"), max_length=2000)
    written_at = models.DateTimeField(_("when"), default=timezone.now)

    objects = PrimaryManager["CaseNote"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        ordering = ["written_at", "id"]

    def __str__(self) -> str:
        return f"{self.written_at:%Y-%m-%d %H:%M:%S} {self.actor_key}"


class CaseTellingQuerySet(models.QuerySet["CaseTelling"]):
    def due(self) -> "CaseTellingQuerySet":
        """What waits, is due, and is held by no worker whose lease still runs. That a case was closed is told after
        that it was opened."""
        free = Q(lease_until=None) | Q(lease_until__lte=Now())
        before = CaseTelling.objects.filter(
            case=models.OuterRef("case"), target=models.OuterRef("target"), news=CaseNews.OPENED,
            stage=TellingState.WAITING,
        )  # fmt: skip
        in_turn = Q(news=CaseNews.OPENED) | ~models.Exists(before)
        return self.filter(free, in_turn, stage=TellingState.WAITING, next_try_at__lte=Now()).order_by("next_try_at")


class CaseTelling(models.Model):
    """One piece of news of a case on its way to one target. Holds no text: that is written when it leaves."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    case = models.ForeignKey(SupportCase, models.CASCADE, related_name="tellings", verbose_name=_("support case"))
    target = models.CharField(_("target"), max_length=40, help_text=_("Its name in the settings."))
    news = models.CharField(_("news"), max_length=16, choices=CaseNews.choices)
    stage = models.CharField(_("state"), max_length=16, choices=TellingState.choices, default=TellingState.WAITING)
    attempt_count = models.PositiveSmallIntegerField(_("tries"), default=0, help_text=_("Counted before the try."))
    queued_at = models.DateTimeField(_("queued"), default=timezone.now)
    next_try_at = models.DateTimeField(_("next try"), default=timezone.now)
    lease_until = models.DateTimeField(_("held until"), null=True, blank=True)
    lease_owner = models.UUIDField(_("held by"), null=True, blank=True)
    told_at = models.DateTimeField(_("told"), null=True, blank=True)
    detail = models.CharField(_("detail"), max_length=500, blank=True, help_text=_("What the target answered last."))

    objects = PrimaryManager.from_queryset(CaseTellingQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("news of a case")
        verbose_name_plural = _("news of cases")
        ordering = ["queued_at", "id"]
        indexes = [
            models.Index(fields=["next_try_at"], name="recovery_telling_due", condition=Q(stage=TellingState.WAITING)),
            models.Index(fields=["case"], name="recovery_telling_lost", condition=Q(stage=TellingState.GIVEN_UP)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["case", "target", "news"], name="recovery_telling_once"),
        ]

    def __str__(self) -> str:
        return f"{self.target}: {self.get_news_display()}"
