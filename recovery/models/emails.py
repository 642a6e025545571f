"""Emails and the things that happened to them. What moves one stands in ``moves``."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db import models
from django.db.models import CharField, F, Func, Lookup, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import PrimaryManager, QuickKey, new_key
from recovery.models.requests import ResetRequest
from recovery.reasons import LINK_KINDS, EmailKind, EmailReason, EmailState, EventKind

if TYPE_CHECKING:
    _Lookup = Lookup[Any]
else:
    _Lookup = Lookup

WAITING: Final = (EmailState.QUEUED, EmailState.DEFERRED, EmailState.UNKNOWN)
"""States from which a worker may claim a mail."""
APART: Final = (
    EmailState.DEFERRED,
    EmailState.UNKNOWN,
    EmailState.WITHHELD,
    EmailState.EXPIRED,
    EmailState.CANCELLED,
    EmailState.FAILED,
    EmailState.BOUNCED,
)
"""States in which few mails are, and which somebody looks for; the others would only make the index move."""


LOOK_BACK: Final = timedelta(days=7)
"""How old a mail may be whose failure is followed up: servers try for five days (RFC 5321 section 4.5.4.1)."""
FINAL_FAILURES: Final = (EmailState.BOUNCED, EmailState.FAILED, EmailState.EXPIRED)
"""States in which a mail has failed for good; one that is withheld because its address is suppressed has as well."""


RESTS_IN_DOUBT: Final = Q(state=EmailState.UNKNOWN, next_try_at=None, send_by__lte=Now()) & ~Q(
    reason=EmailReason.TOKEN_DEAD
)
"""Mail that may have left, is tried no more, and of which nobody had said anything when its time was over."""
COMES_NO_MORE: Final = (
    Q(state__in=(*FINAL_FAILURES, EmailState.WITHHELD))
    | Q(state=EmailState.CANCELLED, reason=EmailReason.STAFF)
    | RESTS_IN_DOUBT
)
"""Mail that is not to be waited for. What staff cancelled counts as never asked for. One that was cancelled because its
link was dead is another matter: the person has changed the password meanwhile, or a newer one stands behind it."""


class DomainOf(Func):
    """What stands behind the @ of a compared address. The text has no parameter: SQLite would not find the index."""

    template = "SUBSTR(%(expressions)s, INSTR(%(expressions)s, '@') + 1)"
    arity = 1
    output_field = CharField()

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="SUBSTR(%(expressions)s, STRPOS(%(expressions)s, '@') + 1)", **more
        )


class StateIn(_Lookup):
    """Whether the state is one of these, in the very words of a partial index: with parameters in their place, SQLite
    does not find it and reads all mail. So it does where a function is compared with 1, as Django 6.1 does; a lookup
    stands for itself."""

    prepare_rhs = False

    def __init__(self, states: Sequence[EmailState]) -> None:
        super().__init__(F("state"), tuple(states))

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        state, params = self.process_lhs(compiler, connection)
        words = ", ".join(f"'{each.value}'" for each in self.rhs)
        return f"{state} IN ({words})" if len(self.rhs) > 1 else f"{state} = {words}", params


class EmailQuerySet(models.QuerySet["Email"]):
    def failed(self) -> "EmailQuerySet":
        """Mail that failed for good."""
        return self.filter(
            Q(state__in=FINAL_FAILURES) | Q(state=EmailState.WITHHELD, reason=EmailReason.SUPPRESSED),
        )

    def lost(self) -> "EmailQuerySet":
        """Mail with links and mail to the support team that failed for good, and nobody has followed that up."""
        return self.failed().filter(kind__in=(*LINK_KINDS, EmailKind.SUPPORT_CASE), followed_up_at=None)

    def due(self) -> "EmailQuerySet":
        """What a worker may claim now: new or due, and not with the provider.

        A new mail is due whatever the clocks say: the one of whoever queued it may be ahead of the database's.
        """
        waiting = self.filter(StateIn(WAITING), handed_over_at=None, next_try_at__isnull=False)
        return waiting.filter(Q(state=EmailState.QUEUED) | Q(next_try_at__lte=Now()))

    def abandoned(self) -> "EmailQuerySet":
        """Held under a lease that ran out: its worker died. Mail of the site's own has no lease."""
        return self.filter(state=EmailState.SENDING, lease_until__lte=Now())


class Email(models.Model):
    """One mail that we decided on: to whom, why, and where it is. Holds no body and no secret."""

    id = models.UUIDField(primary_key=True, default=new_key, editable=False)
    kind = models.CharField(_("kind"), max_length=32, choices=EmailKind.choices)
    audience = models.CharField(_("audience"), max_length=40, default="default")
    recipient = models.CharField(_("recipient"), max_length=254, help_text=_("A stored address, as stored."))
    recipient_key = models.CharField(_("recipient, compared"), max_length=254, help_text=_("Normalised."))
    user_key = models.CharField(_("whose account"), max_length=200, blank=True)
    request = models.ForeignKey(
        ResetRequest,
        models.SET_NULL,
        null=True,
        blank=True,
        db_index=False,  # of those that have one, below
        related_name="emails",
        verbose_name=_("request"),
    )
    language = models.CharField(_("language"), max_length=16, blank=True)
    subject = models.CharField(_("subject"), max_length=255, blank=True, help_text=_("Of the site's other mail alone."))
    context = models.JSONField(_("context"), default=dict, blank=True, help_text=_("Facts for the template."))
    priority = models.PositiveSmallIntegerField(_("priority"), default=0, help_text=_("0 leaves first."))
    state = models.CharField(_("state"), max_length=16, choices=EmailState.choices, default=EmailState.QUEUED)
    reason = models.CharField(_("reason"), max_length=32, choices=EmailReason.choices, blank=True)
    queued_at = models.DateTimeField(_("queued"), default=timezone.now)
    send_by = models.DateTimeField(_("send by"), help_text=_("Not sent after this."))
    next_try_at = models.DateTimeField(
        _("next try"),
        null=True,
        blank=True,
        default=timezone.now,
        help_text=_("Blank: not tried again by itself."),
    )
    attempt_count = models.PositiveSmallIntegerField(_("tries"), default=0, help_text=_("Counted before the try."))
    strike_count = models.PositiveSmallIntegerField(
        _("strikes"),
        default=0,
        help_text=_(
            "Tries that may have ended because of this very mail. Counted before the try, given back where it was not."
        ),
    )
    doubt_count = models.PositiveSmallIntegerField(
        _("doubts"),
        default=0,
        help_text=_("Tries after which it may have left. 0 once the provider said that it has not."),
    )
    claimed_at = models.DateTimeField(
        _("claimed"), null=True, blank=True, help_text=_("When a worker took it for its last try.")
    )
    lease_until = models.DateTimeField(_("held until"), null=True, blank=True)
    lease_owner = models.UUIDField(_("held by"), null=True, blank=True)
    route = models.CharField(_("route"), max_length=40, blank=True, help_text=_("By which it left, or was last tried."))
    esp = models.CharField(_("provider"), max_length=40, blank=True)
    esp_message_id = models.CharField(_("provider's message id"), max_length=255, blank=True)
    handed_over_at = models.DateTimeField(_("handed over"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    followed_up_at = models.DateTimeField(
        _("followed up"),
        null=True,
        blank=True,
        help_text=_("When its final failure led to a backup address or a case."),
    )

    objects = PrimaryManager.from_queryset(EmailQuerySet)()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("email")
        verbose_name_plural = _("email log")
        ordering = ["-id"]
        permissions = [
            ("see_addresses", _("Can see full addresses")),
            ("reveal_addresses", _("Can reveal the addresses of one row, with a reason")),
            ("steer_email", _("Can retry, cancel, set aside and release mail")),
        ]
        indexes = [
            models.Index(
                fields=["priority", "next_try_at", "send_by"],
                name="recovery_email_due",
                condition=Q(state__in=WAITING, handed_over_at=None, next_try_at__isnull=False),
            ),
            models.Index(fields=["lease_until"], name="recovery_email_lease", condition=Q(state=EmailState.SENDING)),
            models.Index(
                fields=["recipient_key", "-queued_at"],
                name="recovery_email_recipient",
                opclasses=["varchar_pattern_ops", "timestamptz_ops"],  # PostgreSQL: addresses that begin so, too
            ),
            models.Index(fields=["esp_message_id"], name="recovery_email_esp_id", condition=~Q(esp_message_id="")),
            # What the log is filtered by, in its order, where it is rare: what is common is found without an index, and
            # mail on its way moves none.
            models.Index(fields=["state", "-id"], name="recovery_email_apart", condition=Q(state__in=APART)),
            models.Index(fields=["kind", "-id"], name="recovery_email_kind", condition=~Q(kind=EmailKind.RESET)),
            models.Index(fields=["audience", "-id"], name="recovery_email_audience", condition=~Q(audience="default")),
            models.Index(fields=["reason", "-id"], name="recovery_email_reason", condition=~Q(reason="")),
            models.Index(fields=["route", "-id"], name="recovery_email_route", condition=~Q(route="")),
            models.Index(fields=["user_key"], name="recovery_email_user"),
            models.Index(fields=["request"], name="recovery_email_request", condition=Q(request__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=EmailState.values), name="recovery_email_state_word")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.get_state_display()})"

    @property
    def account_keys(self) -> set[str]:
        """Whose mail it is. One for several accounts of an address names none of them in its column."""
        return {self.user_key, *self.context.get("usernames", {})} - {""}


class EmailEventManager(PrimaryManager["EmailEvent"]):
    """What happened. What could not be read is in the same table, and ``RawEvent`` shows it."""

    def get_queryset(self) -> "models.QuerySet[EmailEvent]":
        return super().get_queryset().filter(error="")


class EmailEvent(models.Model):
    """One thing that happened to an email, by us or reported by the provider. A report for a mail that is
    not known (yet) has no email and waits for it under the provider's message id.

    Neither that it was queued nor that a worker took it is an event of its own: ``Email.queued_at`` says the one, and
    ``claimed_at`` of what ended the try the other. What a provider posted of it stands beside it, for a while.
    """

    id = QuickKey(primary_key=True)
    email = models.ForeignKey(
        Email,
        models.CASCADE,
        null=True,
        blank=True,
        # No constraint here nor at bounces and objections: a purge of old mail would look for what is left of each
        # mail, and of each event, which costs as much as all the rest. Rows go by ``retention.remove_emails`` alone.
        db_constraint=False,
        related_name="events",
        verbose_name=_("email"),
    )
    kind = models.CharField(_("what"), max_length=16, choices=EventKind.choices)
    occurred_at = models.DateTimeField(_("when"), default=timezone.now)
    recorded_at = models.DateTimeField(_("recorded"), default=timezone.now)
    claimed_at = models.DateTimeField(
        _("claimed"), null=True, blank=True, help_text=_("When a worker took the mail for the try that ended so.")
    )
    esp = models.CharField(_("provider"), max_length=40, blank=True, help_text=_("Blank: noted by us."))
    esp_message_id = models.CharField(_("provider's message id"), max_length=255, blank=True)
    recipient = models.CharField(_("recipient"), max_length=254, blank=True)
    reject_reason = models.CharField(_("provider's reason"), max_length=32, blank=True)
    detail = models.CharField(_("detail"), max_length=1000, blank=True, help_text=_("What the other side said."))
    dedupe_key = models.CharField(  # noqa: DJ001 - NULL is no duplicate of NULL, and our own events have no key
        max_length=32, null=True, editable=False
    )
    error = models.CharField(_("error"), max_length=200, blank=True, help_text=_("Why it was set aside."))
    digest = models.CharField(
        _("digest"), max_length=64, blank=True, help_text=_("SHA-256 of what was posted, before it was cut.")
    )
    content = models.TextField(_("what was posted"), blank=True)

    objects = EmailEventManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("email event")
        verbose_name_plural = _("email events")
        ordering = ["occurred_at", "id"]
        indexes = [
            models.Index(fields=["esp_message_id"], name="recovery_event_unmatched", condition=Q(email=None)),
            models.Index(
                fields=["esp", "recorded_at"], name="recovery_event_nobodys", condition=Q(email=None, error="")
            ),
            models.Index(fields=["recorded_at", "esp"], name="recovery_event_posted", condition=~Q(content="")),
            models.Index(fields=["-recorded_at", "-id"], name="recovery_event_aside", condition=~Q(error="")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["dedupe_key"], name="recovery_event_told_once", condition=Q(dedupe_key__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"{self.occurred_at:%Y-%m-%d %H:%M:%S} {self.kind}"
