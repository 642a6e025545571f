"""The trail: who did what to whose account, and why. Read by whoever has the right, changed by nobody."""

import json
from collections.abc import Iterable
from itertools import chain
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from recovery import agents
from recovery.admin import moments
from recovery.admin.acts import url_of
from recovery.admin.columns import Columns, meaning, worded
from recovery.admin.counted import CountedFilter
from recovery.admin.exports import ExportMixin
from recovery.admin.finding import meant, referred_to, uuid_in
from recovery.admin.readonly import MOST_FOUND, AccountFilter, ActorFilter, MomentFilter
from recovery.admin.reports import ReportMixin
from recovery.admin.requests import accounts_of
from recovery.admin.viewers import Viewer
from recovery.models import AuditEvent, AuditOrigin, Email, ResetRequest
from recovery.models.requests import parse_reference, shown_reference
from recovery.origin import describe_browser
from recovery.reasons import Action, ActOutcome, LockKind

_MOODS = {ActOutcome.DONE: "good", ActOutcome.REFUSED: "open", ActOutcome.FAILED: "bad"}


class AuditEventColumns(Columns):
    """What a row of the trail shows."""

    @admin.display(description=_("when"), ordering="pk")
    def occurred_at(self, event: AuditEvent) -> Any:
        return moments.shown(event.occurred_at)

    @admin.display(description=_("what"))
    def action(self, event: AuditEvent) -> str | SafeString:
        """With the route, the list or the levels that it was about, which no other column names."""
        facts = event.detail
        about = (
            facts.get("route")
            or facts.get("model")
            or " → ".join(str(facts[key]) for key in ("from", "to") if key in facts)
        )
        act = meaning(Action, event.action)
        if not about:
            return act
        return format_html('{} <span class="quiet">{}</span>', act, about)

    @admin.display(description=_("outcome"))
    def outcome(self, event: AuditEvent) -> Any:
        return worded(_MOODS[ActOutcome(event.outcome)], meaning(ActOutcome, event.outcome), "")

    @admin.display(description=_("where from"))
    def where_from(self, event: AuditEvent) -> str:
        """What stands beside the row, until it is destroyed. Of asks and links it stands in the request."""
        beside = AuditOrigin.objects.filter(pk=event.pk).first()
        if beside is None:
            return "–"
        place = (beside.ip or "") if self.viewer.sees_addresses else ""
        browser = describe_browser(beside.user_agent) or beside.user_agent
        return " · ".join(text for text in (browser, place) if text) or "–"

    @admin.display(description=_("who acted"))
    def actor(self, event: AuditEvent) -> Any:
        return self.person(event.actor_key)

    @admin.display(description=_("whose account"))
    def account(self, event: AuditEvent) -> Any:
        return self.person(event.user_key)

    @admin.display(description=_("request"))
    def request_link(self, event: AuditEvent) -> Any:
        text = shown_reference(event.reference) or str(event.request_id or "")[:8]
        return self.page("resetrequest", event.request_id, text) if event.request_id else "–"

    @admin.display(description=_("reason given"))
    def reason(self, event: AuditEvent) -> str:
        return self.viewer.text(event.reason) or "–"

    @admin.display(description=_("email"))
    def email_link(self, event: AuditEvent) -> Any:
        return self.page("email", event.email_id, str(event.email_id)[:8]) if event.email_id else "–"

    @admin.display(description=_("detail"))
    def detail(self, event: AuditEvent) -> str:
        return self.viewer.text(json.dumps(event.detail, ensure_ascii=False)) if event.detail else "–"


class AuditEventAdmin(ReportMixin, ExportMixin):
    """List and page of the trail."""

    columns = AuditEventColumns
    listed = ("occurred_at", "action", "outcome", "actor", "account", "request_link", "reason")
    further = ("email_link", "detail", "where_from")
    list_filter = ("action", "outcome", ("occurred_at", MomentFilter), ActorFilter, AccountFilter, CountedFilter)
    ordering = ("-pk",)
    search_help_text = _("Reference, recipient, message id or account key.")

    def staff_of(self, row: AuditEvent) -> Iterable[str]:
        return [row.actor_key]

    def reached(self, rows: list[AuditEvent], viewer: Viewer) -> list[AuditEvent]:
        """What names no account, an ask and how it was decided, is of those that its request meant; what was done to
        mail, of those whose it is."""
        rows = super().reached(rows, viewer)
        if not agents.is_limited():
            return rows
        nameless = [row for row in rows if not row.user_key]
        asks = ResetRequest.objects.prefetch_related("decisions").in_bulk(
            {row.request_id for row in nameless if row.request_id}
        )
        mails = Email.objects.in_bulk({row.email_id for row in nameless if row.email_id})
        viewer.look_up(key for ask in asks.values() for key in accounts_of(ask))
        return [row for row in rows if row.user_key or _is_of_reach(row, asks, mails, viewer)]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        return row if row is not None and self.reached([row], Viewer.of(request)) else None

    def tools_of(self, request: HttpRequest, row: AuditEvent) -> list[dict[str, Any]]:
        """Ways to what else the same member of staff did, and what else was done to the same account."""
        same = {ActorFilter.parameter_name: row.actor_key, AccountFilter.parameter_name: row.user_key}
        labels = {
            ActorFilter.parameter_name: gettext("All that this member of staff did"),
            AccountFilter.parameter_name: gettext("All about this account"),
        }
        url = url_of(self, "changelist")
        found = [{"url": f"{url}?{urlencode({name: key})}", "label": labels[name]} for name, key in same.items() if key]
        return [*super().tools_of(request, row), *found]

    def found(self, term: str, viewer: Viewer) -> Iterable[Any]:
        trail = AuditEvent.objects.all()
        requests = {
            pk
            for mail in meant(term, viewer)
            for pk in mail.exclude(request=None).values_list("request_id", flat=True)[:MOST_FOUND]
        }
        if own := uuid_in(term):
            requests.add(own)
        reference = parse_reference(term)
        known = list(referred_to(term).values_list("pk", flat=True))
        requests.update(known)
        ways = [trail.filter(request_id__in=requests), trail.filter(user_key=term), trail.filter(actor_key=term)]
        if reference and not known:  # its request was purged: the trail is read through for what bears it
            ways.append(trail.filter(reference=reference))
        return chain.from_iterable(way.values_list("pk", flat=True)[:MOST_FOUND] for way in ways)


def _is_of_reach(row: AuditEvent, asks: dict[Any, ResetRequest], mails: dict[Any, Email], viewer: Viewer) -> bool:
    """What is about a purged request or mail, and a lock of a name that nobody has, means no account any more. All
    else belongs to all: routes, levels, exports, places."""
    if ask := asks.get(row.request_id):
        return viewer.reaches_ask(ask, accounts_of(ask))
    if mail := mails.get(row.email_id):
        return viewer.reaches_mail(mail)
    is_of_name = row.action in (Action.LOCKED, Action.UNLOCKED) and row.detail.get("kind") != LockKind.SOURCE
    return viewer.reaches(()) if row.request_id or row.email_id or is_of_name else True
