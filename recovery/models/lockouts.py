"""Episodes in which sign-in is refused. The hot counters behind them, and the rules, stand in ``lockouts``."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import SKEW, PrimaryManager, key_at, new_key
from recovery.reasons import LockKind, LockLift


class LockoutQuerySet(models.QuerySet["Lockout"]):
    def standing(self) -> "LockoutQuerySet":
        """Those that refuse sign-ins now, by the database's clock."""
        return self.filter(lifted_at=None).filter(Q(until=None) | Q(until__gt=Now()))

    def names_locked(self, *, within: timedelta, most: int) -> int:
        """How many different names were locked in that time, whoever has them or not; counted up to ``most``."""
        recent = self.filter(pk__gt=key_at(timezone.now() - within - SKEW), since__gt=Now() - within)
        return recent.filter(kind=LockKind.ACCOUNT).order_by().values("counter_key").distinct()[:most].count()


class Lockout(models.Model):
    """One episode in which sign-in is refused: of an account, of one of its known devices, or of a source.

    The name that was typed is never here, only the key of its counter, for people type passwords there. An account
    that does not exist is locked alike, and its row has no ``user_key``.
    """

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    kind = models.CharField(_("kind"), max_length=16, choices=LockKind.choices)
    user_key = models.CharField(_("whose account"), max_length=200, blank=True, help_text=_("Blank: no such account."))
    counter_key = models.BigIntegerField(_("counter"), default=0, help_text=_("Keyed hash of what was counted."))
    since = models.DateTimeField(_("since"), default=timezone.now)
    until = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("Empty: until staff lift it."))
    failure_count = models.PositiveIntegerField(_("failures"), default=0, help_text=_("Of this episode."))
    ip = models.GenericIPAddressField(_("client address"), null=True, blank=True, help_text=_("Of the last failure."))
    sources = models.JSONField(
        _("client addresses"), default=dict, blank=True, help_text=_("Of the failures, with how many each.")
    )
    actor_key = models.CharField(_("locked by"), max_length=200, blank=True, help_text=_("Key of staff; else blank."))
    reason = models.CharField(_("reason given"), max_length=500, blank=True)
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True)
    lifted_by = models.CharField(_("lifted by"), max_length=16, choices=LockLift.choices, blank=True)
    lifter_key = models.CharField(_("lifted by whom"), max_length=200, blank=True, help_text=_("Key of staff."))
    lift_reason = models.CharField(_("why it was lifted"), max_length=500, blank=True)
    told_at = models.DateTimeField(
        _("told"), null=True, blank=True, help_text=_("When a worker decided whether its owner gets a notice.")
    )

    objects = PrimaryManager.from_queryset(LockoutQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("lockout")
        verbose_name_plural = _("lockouts")
        ordering = ["-id"]
        permissions = [("unlock", _("Can lift and set lockouts"))]
        indexes = [
            models.Index(fields=["user_key", "-id"], name="recovery_lockout_user", condition=~Q(user_key="")),
            models.Index(fields=["counter_key"], name="recovery_lockout_counter", condition=Q(lifted_at=None)),
            models.Index(fields=["id"], name="recovery_lockout_untold", condition=Q(told_at=None)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=LockKind.values), name="recovery_lockout_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.since:%Y-%m-%d %H:%M})"

    @property
    def stands(self) -> bool:
        """Whether it refuses sign-ins now."""
        return self.lifted_at is None and (self.until is None or self.until > timezone.now())

    @property
    def ended_at(self) -> datetime | None:
        """When it was lifted or ran out; None while it stands."""
        return None if self.stands else self.lifted_at or self.until

    @property
    def ended_by(self) -> str:
        """A word of ``LockLift``, "" while it stands. No row is written when time ends one."""
        return "" if self.stands else self.lifted_by or LockLift.TIME
