"""Hourly figures, how far they are rolled up, and the link life that is calibrated from them.

Counting stands in ``rollup``, reading in ``metrics``; what each figure means in ``counting``.
"""

from typing import Final

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import PrimaryManager

ALL: Final = "*"  # no domain begins so
OTHER: Final = "(other)"

DELIVERY_BOUNDS: Final = (
    1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1800, 3600, 7200, 21600, 86400,
)  # fmt: skip
"""Seconds from request to delivery: bucket number n holds what took no longer than the n-th, and the last the rest."""

OPENING_BOUNDS: Final = (
    10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1200, 1800, 2700, 3600, 7200, 21600, 86400,
)  # fmt: skip
"""The same for the seconds from delivery to the first opening by a person."""


def buckets(of: str, bounds: tuple[int, ...]) -> list[str]:
    """Names of the columns of a histogram, the shortest first."""
    return [*(f"{of}_{bound}" for bound in bounds), f"{of}_more"]


DELIVERY: Final = tuple(buckets("delivery", DELIVERY_BOUNDS))
OPENING: Final = tuple(buckets("opening", OPENING_BOUNDS))
COUNTS: Final = (
    "delivered", "bounced", "failed", "expired", "late", "no_news", "on_its_way", "withheld", "cancelled", "complained",
    "completed", "opened", "unopened", "live", "superseded",
    "requests", "cases", "acts",
)  # fmt: skip
"""Words of ``Figure``. Each mail is in one of the first nine; one that left is in one of the five of its link, where
``opened`` leaves out the completed."""


class Counts(models.Model):
    """What was counted of one span of time for one audience, route, recipient domain and kind of request.

    The same is counted four times: under its recipient domain and under ``ALL`` domains, and of each of the two once
    more under ``ALL`` audiences, routes and kinds. So whoever asks for no domain, or for nothing but a domain, reads
    few rows. Only the domains with the most mail of the span have rows of their own, the others are ``OTHER``; a
    request without mail has none.
    """

    id = models.BigAutoField(primary_key=True)
    begins = models.DateTimeField(_("begins"))
    audience = models.CharField(_("audience"), max_length=40, blank=True)
    route = models.CharField(_("route"), max_length=40, blank=True)
    domain = models.CharField(_("recipient domain"), max_length=254, blank=True)
    kind = models.CharField(_("kind"), max_length=16, blank=True)
    delivery_slowest = models.FloatField(_("slowest delivery"), default=0, help_text=_("In seconds."))

    class Meta:
        abstract = True
        ordering = ["-begins", "id"]
        indexes = [models.Index(fields=["begins", "audience"], name="recovery_%(class)s_begins")]
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "begins", "audience", "route", "kind"], name="recovery_%(class)s_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.begins:%Y-%m-%d %H:%M} {self.domain}"


class RollUp(Counts):
    """The figures of an hour."""

    rolled_at = models.DateTimeField(_("rolled up"), default=timezone.now)
    opening_slowest = models.FloatField(_("slowest opening"), default=0, help_text=_("In seconds."))

    objects = PrimaryManager["RollUp"]()

    class Meta(Counts.Meta):
        base_manager_name = "objects"
        verbose_name = _("figures of an hour")
        verbose_name_plural = _("dashboard")


class RollUpDay(Counts):
    """The figures of a day of UTC that is over, from those of its hours."""

    objects = PrimaryManager["RollUpDay"]()

    class Meta(Counts.Meta):
        base_manager_name = "objects"
        verbose_name = _("figures of a day")
        verbose_name_plural = _("figures of days")
        default_permissions = ()  # read on the dashboard alone


for _name in (*COUNTS, *DELIVERY):
    for _model in (RollUp, RollUpDay):
        _model.add_to_class(_name, models.PositiveIntegerField(_name.replace("_", " "), default=0))
for _name in OPENING:
    RollUp.add_to_class(_name, models.PositiveIntegerField(_name.replace("_", " "), default=0))


class RollUpProgress(models.Model):
    """How far the figures are rolled up; there is one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    settled_until = models.DateTimeField(
        _("settled until"), help_text=_("Hours before this change only by an event that is told late.")
    )
    ended_until = models.DateTimeField(
        _("ended until"), help_text=_("The same of links to first passwords, which live for days.")
    )
    filled_until = models.DateTimeField(
        _("filled back until"), help_text=_("Hours from this on were rolled up, those before it not yet.")
    )
    events_until = models.BigIntegerField(
        _("events until"), default=0, help_text=_("Those before this were looked at.")
    )
    trail_until = models.DateTimeField(_("trail until"), help_text=_("What was noted before this was looked at."))
    rolled_at = models.DateTimeField(_("rolled up"), null=True, blank=True)
    lease_until = models.DateTimeField(_("held until"), null=True, blank=True)
    lease_owner = models.UUIDField(_("held by"), null=True, blank=True)

    objects = PrimaryManager["RollUpProgress"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("progress of the roll-up")
        verbose_name_plural = _("progress of the roll-up")
        default_permissions = ()  # read on the dashboard alone

    def __str__(self) -> str:
        return f"{self.rolled_at:%Y-%m-%d %H:%M:%S}" if self.rolled_at else "–"


class LinkLife(models.Model):
    """How long links of one audience live where that follows the measured times, and what was measured."""

    audience = models.CharField(_("audience"), max_length=40, primary_key=True)
    seconds = models.PositiveIntegerField(_("life"), help_text=_("In seconds, from hand-over."))
    delivery_count = models.PositiveIntegerField(_("deliveries"), help_text=_("Measured in the last seven days."))
    delivery_p95 = models.FloatField(_("delivery"), null=True, help_text=_("Seconds that 95 % took no longer than."))
    opening_count = models.PositiveIntegerField(_("openings"), help_text=_("Measured in the last seven days."))
    opening_p95 = models.FloatField(_("opening"), null=True, help_text=_("Seconds that 95 % took no longer than."))
    measured_at = models.DateTimeField(_("measured"), default=timezone.now)

    objects = PrimaryManager["LinkLife"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("measured link life")
        verbose_name_plural = _("measured link lives")
        default_permissions = ()  # read on the dashboard alone
        ordering = ["audience"]

    def __str__(self) -> str:
        return f"{self.audience}: {self.seconds} s"


class StandingAlarm(models.Model):
    """Something that is wrong and was told; the row goes when it has been over for a while."""

    id = models.BigAutoField(primary_key=True)
    alarm = models.CharField(_("alarm"), max_length=32)
    subject = models.CharField(_("what it is about"), max_length=160, blank=True)
    since = models.DateTimeField(_("since"), default=timezone.now)
    seen_at = models.DateTimeField(_("last seen"), default=timezone.now)

    objects = PrimaryManager["StandingAlarm"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("standing alarm")
        verbose_name_plural = _("standing alarms")
        default_permissions = ()  # read on the dashboard alone
        ordering = ["since", "id"]
        constraints = [models.UniqueConstraint(fields=["alarm", "subject"], name="recovery_standing_alarm_once")]

    def __str__(self) -> str:
        return f"{self.alarm} {self.subject}".strip()
