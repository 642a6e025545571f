"""Requests and what was decided for each account of them."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import models, router
from django.db.models.functions import Now, Upper
from django.db.models.lookups import In
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.addresses import capitals, normalise
from recovery.models.primary import PrimaryManager, new_key
from recovery.reasons import Kind, Outcome
from recovery.signals import announce, reset_requested

CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # base32 without I, L, O, U: read over the phone

SWEEP_GRACE: Final = timedelta(seconds=5)  # a ring comes first; the sweep takes what no worker took by then


def new_reference() -> str:
    """Eight characters, 40 bits: names a request, opens nothing."""
    number = secrets.randbits(40)
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(35, -1, -5))


def parse_reference(text: str) -> str:
    """The eight characters of what a person typed, or "" if it is none: lower case, O for 0, I and L for 1."""
    plain = begun_reference(text)
    return plain if len(plain) == 8 else ""


def begun_reference(text: str) -> str:
    """The same of its first characters, four at least: of fewer than four, words are full."""
    plain = text.upper().replace("-", "").replace(" ", "").translate(str.maketrans("OIL", "011"))
    return plain if 4 <= len(plain) <= 8 and set(plain) <= set(CROCKFORD) else ""


def asked_as(names: Iterable[str]) -> models.Q:
    """That somebody asked for one of these, in whatever case they typed it: limits count them alike. Of what is decided
    by an index; what waits is few."""
    spelled = {form[:254] for name in names for form in (name, normalise(name))}
    return models.Q(In(Upper("identifier"), capitals(spelled)))


class ResetRequestQuerySet(models.QuerySet["ResetRequest"]):
    def undecided(self) -> "ResetRequestQuerySet":
        """Received and due: nobody works on them, or whoever did is late."""
        return self.filter(outcome=Outcome.RECEIVED, decided_at=None, next_try_at__lte=Now())


class ResetRequest(models.Model):
    """One ask for recovery, also when no account matches. Holds the personal data of the ask."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    reference = models.CharField(_("reference"), max_length=8, default=new_reference)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices, default=Kind.FORGOT)
    audience = models.CharField(_("audience"), max_length=40, default="default")
    identifier = models.CharField(_("asked for"), max_length=254, help_text=_("User name or address as typed."))
    user_key = models.CharField(_("whose account"), max_length=200, blank=True, help_text=_("Set where staff chose."))
    actor_key = models.CharField(_("asked by"), max_length=200, blank=True, help_text=_("Key of staff; else blank."))
    reason = models.CharField(_("reason given"), max_length=500, blank=True)
    ip = models.GenericIPAddressField(_("client address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=256, blank=True)
    language = models.CharField(_("language"), max_length=16, blank=True)
    next_url = models.CharField(_("goes on to"), max_length=200, blank=True, help_text=_("Checked: this site only."))
    outcome = models.CharField(_("outcome"), max_length=24, choices=Outcome.choices, default=Outcome.RECEIVED)
    requested_at = models.DateTimeField(_("requested"), default=timezone.now)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed"), null=True, blank=True)
    completed_ip = models.GenericIPAddressField(_("client address of the new password"), null=True, blank=True)
    attempt_count = models.PositiveSmallIntegerField(_("tries"), default=0, help_text=_("Counted before the try."))
    next_try_at = models.DateTimeField(_("next try"), default=timezone.now)

    place_free_again_at: datetime | None = None
    """No column. Of an ask that was just written: until when its place asked too often, if it did."""

    objects = PrimaryManager.from_queryset(ResetRequestQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("request")
        verbose_name_plural = _("requests")
        ordering = ["-id"]
        permissions = [
            ("send_reset", _("Can send a reset link to a person")),
            ("activate", _("Can send an activation link, and make an account active")),
            ("correct_address", _("Can correct a person's address")),
            ("diagnose", _("Can look up why a person cannot get in")),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], name="recovery_request_due", condition=models.Q(decided_at=None)),
            # Written by the worker that decides, not while a person waits: each row goes to a page of its own.
            models.Index(
                Upper("identifier"), name="recovery_request_asked_for", condition=models.Q(decided_at__isnull=False)
            ),
            models.Index(
                fields=["user_key"], name="recovery_request_activation", condition=models.Q(kind=Kind.ACTIVATION)
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(outcome__in=Outcome.values), name="recovery_request_outcome"),
            # A constraint, not unique=True: on PostgreSQL that makes a second index, for LIKE, which nobody needs.
            models.UniqueConstraint(fields=["reference"], name="recovery_request_reference"),
        ]

    def __str__(self) -> str:
        return self.shown_reference

    @property
    def shown_reference(self) -> str:
        return shown_reference(self.reference)

    def announce(self) -> None:
        """Tell the site, after the commit, that it was asked for."""
        alias = router.db_for_write(ResetRequest)
        facts = {"request_id": self.pk, "reference": self.reference, "kind": str(self.kind), "audience": self.audience}
        announce(reset_requested, ResetRequest, using=alias, **facts)


def shown_reference(reference: str) -> str:
    """``XXXX-XXXX``, or "" for none."""
    return f"{reference[:4]}-{reference[4:]}" if reference else ""


class Decision(models.Model):
    """What the worker concluded for one account of a request, or for the request where no account was found."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    request = models.ForeignKey(ResetRequest, models.CASCADE, related_name="decisions", verbose_name=_("request"))
    user_key = models.CharField(_("whose account"), max_length=200, blank=True)
    outcome = models.CharField(_("outcome"), max_length=24, choices=Outcome.choices)
    address = models.CharField(_("address"), max_length=254, blank=True, help_text=_("Where mail goes for it."))
    gates = models.JSONField(
        _("gates"), default=list, help_text=_("Each gate in order with its verdict; the first closed one decides.")
    )
    decided_at = models.DateTimeField(_("decided"), default=timezone.now)

    objects = PrimaryManager["Decision"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["decided_at", "id"]
        indexes = [models.Index(fields=["user_key", "decided_at"], name="recovery_decision_user")]

    def __str__(self) -> str:
        return f"{self.outcome} ({self.user_key})" if self.user_key else str(self.outcome)
