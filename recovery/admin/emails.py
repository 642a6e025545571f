"""The email log: every mail that was decided on, where it is, and what happened to it."""

from collections.abc import Collection, Iterable
from itertools import chain
from typing import Any, Final, cast

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from recovery import audiences, routes, silence, timelines
from recovery.admin import moments, ways
from recovery.admin.at_provider import AtProviderMixin
from recovery.admin.columns import Columns, meaning, worded
from recovery.admin.counted import CountedFilter
from recovery.admin.exports import ExportMixin
from recovery.admin.finding import meant, referred_to
from recovery.admin.incident_mails import IncidentFilter
from recovery.admin.previews import PreviewMixin
from recovery.admin.readonly import MOST_FOUND, AccountFilter, MomentFilter
from recovery.admin.revealing import RevealMixin
from recovery.admin.steering import SteeringMixin, if_released
from recovery.admin.steps import rows_of
from recovery.admin.viewers import Viewer
from recovery.models import Bounce, Email
from recovery.models.emails import APART, WAITING, StateIn
from recovery.reasons import EmailKind, EmailReason, EmailState

_MOOD: Final = {
    EmailState.DELIVERED: "good",
    EmailState.HANDED_OVER: "good",
    EmailState.BOUNCED: "bad",
    EmailState.FAILED: "bad",
    EmailState.WITHHELD: "bad",
    EmailState.EXPIRED: "bad",
}


def state_of(email: Email) -> SafeString:
    """The state's word, its meaning, and the reason if there is one; of what left and was never heard of, that."""
    if silence.has_no_news(email):
        return format_html(
            '<span class="recovery-word recovery-open">{}</span> <span class="quiet">{}</span>',
            gettext("no news"),
            gettext("accepted by the provider, which has not said since what became of it"),
        )
    told = [meaning(EmailState, email.state), meaning(EmailReason, email.reason) if email.reason else ""]
    mood = _MOOD.get(EmailState(email.state), "open")
    return worded(mood, email.state.replace("_", " "), "; ".join(text for text in told if text))


FOLLOWED: Final = (AccountFilter, CountedFilter, IncidentFilter)
"""Filters that offer nothing by themselves: other pages lead to what they find."""


class RareFilter(admin.ChoicesFieldListFilter):
    """What is rare has an index of its own: SQLite uses it where the query says what that leaves out, as it does."""

    def narrowed(self, words: Collection[str]) -> Q:
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        found = cast("QuerySet[Any]", super().queryset(request, queryset))
        return found.filter(self.narrowed(self.lookup_val)) if self.lookup_val else found


class StateFilter(RareFilter):
    def narrowed(self, words: Collection[str]) -> Q:
        """What is on its way has the indexes of the queue, which are empty on a quiet site: asked for the newest of
        these, SQLite would rather read the log, so they are found first and put in order then. What is queued always
        has a next try, and was never handed over."""
        if set(words) == {EmailState.QUEUED}:
            waiting = Email.objects.filter(StateIn(WAITING), handed_over_at=None, next_try_at__isnull=False)
            return Q(pk__in=waiting.order_by().values("pk"))
        if set(words) == {EmailState.SENDING}:
            return Q(pk__in=Email.objects.filter(StateIn([EmailState.SENDING])).order_by().values("pk"))
        return Q(StateIn(APART)) if set(words) <= set(APART) else Q()


class KindFilter(RareFilter):
    def narrowed(self, words: Collection[str]) -> Q:
        return Q() if EmailKind.RESET in words else ~Q(kind=EmailKind.RESET)


class ReasonFilter(RareFilter):
    def narrowed(self, words: Collection[str]) -> Q:
        return Q() if "" in words else ~Q(reason="")


class RouteFilter(admin.SimpleListFilter):
    """Routes of the settings. Those of old rows are not looked for: that would read the whole table."""

    title = _("route")
    parameter_name = "route"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(route.name, route.name) for route in routes.all_routes()]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """Without those that have none, in words: SQLite finds their index by that."""
        return queryset.filter(route=self.value()).exclude(route="") if self.value() else queryset


class AudienceFilter(admin.SimpleListFilter):
    """Doors of the settings, where there are several. Those of old rows are not looked for, as with routes."""

    title = _("audience")
    parameter_name = "audience"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = audiences.names()
        return [(name, name) for name in names] if len(names) > 1 else []

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """Those of a door of their own without all others, in words: SQLite finds their index by that."""
        name = self.value()
        found = queryset.filter(audience=name) if name else queryset
        return found.exclude(audience="default") if name and name != "default" else found


class EmailColumns(Columns):
    """What a row of the log shows."""

    @admin.display(description=_("queued"), ordering="pk")
    def queued_at(self, email: Email) -> Any:
        return moments.shown(email.queued_at)

    @admin.display(description=_("recipient"))
    def to_address(self, email: Email) -> str:
        return self.viewer.address(email.recipient)

    @admin.display(description=_("kind"))
    def kind(self, email: Email) -> str | SafeString:
        """The subject of the site's other mail is all that is known of what it says."""
        kind = meaning(EmailKind, email.kind)
        if not email.subject:
            return kind
        return format_html('{} <span class="quiet">{}</span>', kind, self.viewer.text(email.subject))

    @admin.display(description=_("state"))
    def state(self, email: Email) -> Any:
        return state_of(email)

    @admin.display(description=_("account"))
    def account(self, email: Email) -> Any:
        return self.viewer.links_to(email.account_keys, self.site_name)

    @admin.display(description=_("request"))
    def request_link(self, email: Email) -> Any:
        request = email.request
        return self.page("resetrequest", request.pk, request.shown_reference) if request else "–"

    @admin.display(description=_("route"))
    def route(self, email: Email) -> str:
        return " · ".join(text for text in (email.route, email.esp) if text) or "–"

    @admin.display(description=_("handed over"))
    def handed_over_at(self, email: Email) -> Any:
        return moments.shown(email.handed_over_at)

    @admin.display(description=_("delivered"))
    def delivered_at(self, email: Email) -> Any:
        return moments.shown(email.delivered_at)

    @admin.display(description=_("send by"))
    def send_by(self, email: Email) -> Any:
        return moments.shown(email.send_by)

    @admin.display(description=_("next try"))
    def next_try_at(self, email: Email) -> Any:
        return moments.shown(email.next_try_at) if email.next_try_at else _("not by itself")

    @admin.display(description=_("if released"))
    def if_released(self, email: Email) -> str:
        return if_released(email)


class EmailAdmin(ExportMixin, RevealMixin, PreviewMixin, AtProviderMixin, SteeringMixin):
    """List and page of emails."""

    columns = EmailColumns
    listed = ("queued_at", "state", "to_address", "account", "kind", "request_link")
    further = ("route", "handed_over_at", "delivered_at", "send_by")
    as_stored = ("audience", "language", "attempt_count", "strike_count", "doubt_count", "esp_message_id")
    list_filter = (
        ("state", StateFilter),
        ("kind", KindFilter),
        ("reason", ReasonFilter),
        ("queued_at", MomentFilter),
        RouteFilter,
        AudienceFilter,
        *FOLLOWED,
    )
    list_select_related = ("request",)
    ordering = ("-pk",)
    search_help_text = _(
        "Recipient, reference or message id, or how it begins; or account key. Of many that begin alike, 200 are shown."
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """With what is to be known of a mail that waits, or is held back."""
        fields = super().get_fields(request, obj)
        columns = self.columns_for(request)
        place = len(self.listed)
        if obj is not None and obj.state in WAITING and obj.handed_over_at is None:
            fields.insert(place, columns.next_try_at)
        if obj is not None and obj.state == EmailState.WITHHELD:
            fields.insert(place, columns.if_released)
        return fields

    def accounts_of(self, row: Email) -> Iterable[str]:
        return row.account_keys

    def is_reached(self, row: Email, viewer: Viewer) -> bool:
        return viewer.reaches_mail(row)

    def hidden_in(self, row: Email) -> list[tuple[str, str]]:
        return [(gettext("Recipient"), row.recipient)]

    def diagnosis_of(self, row: Email, viewer: Viewer) -> list[dict[str, Any]]:
        return ways.to_diagnosis("email", row.pk, viewer, self.admin_site.name)

    def found(self, term: str, viewer: Viewer) -> Iterable[Any]:
        ways = [*meant(term, viewer), Email.objects.filter(user_key=term)]
        ways.append(Email.objects.filter(request_id__in=list(referred_to(term).values_list("pk", flat=True))))
        return chain.from_iterable(way.values_list("pk", flat=True)[:MOST_FOUND] for way in ways)

    def story_of(self, row: Email, viewer: Viewer) -> dict[str, Any]:
        return {
            "timeline": rows_of(timelines.of_email(row), viewer, self.admin_site.name),
            "bounces": [self._bounce(bounce, viewer) for bounce in row.bounces.order_by("occurred_at")],
        }

    def _bounce(self, bounce: Bounce, viewer: Viewer) -> dict[str, Any]:
        rule = viewer.link_to_page("bounce", bounce.pk, bounce.rule, self.admin_site.name)
        word, meaning = bounce.bounce_class, bounce.get_bounce_class_display()
        return {"word": word, "meaning": meaning, "rule": rule, "evidence": viewer.text(bounce.evidence) or "–"}
