"""The trail: who did what to whose account, and why. Read by whoever has the right, changed by nobody."""

import json
from collections.abc import Iterable
from itertools import chain
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from recovery import agents
from recovery.admin import moments
from recovery.admin.columns import Columns
from recovery.admin.counted import CountedFilter
from recovery.admin.exports import ExportMixin
from recovery.admin.finding import meant, uuid_in
from recovery.admin.readonly import MOST_FOUND, AccountFilter, MomentFilter
from recovery.admin.viewers import Viewer
from recovery.models import AuditEvent, Decision, ResetRequest
from recovery.models.requests import parse_reference, shown_reference


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
        if not about:
            return event.get_action_display()
        return format_html('{} <span class="quiet">{}</span>', event.get_action_display(), about)

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


class AuditEventAdmin(ExportMixin):
    """List and page of the trail."""

    columns = AuditEventColumns
    listed = ("occurred_at", "action", "actor", "account", "request_link", "reason")
    further = ("email_link", "detail")
    list_filter = ("action", ("occurred_at", MomentFilter), AccountFilter, CountedFilter)
    ordering = ("-pk",)
    search_help_text = _("Reference, recipient, message id or account key.")

    def staff_of(self, row: AuditEvent) -> Iterable[str]:
        return [row.actor_key]

    def reached(self, rows: list[AuditEvent], viewer: Viewer) -> list[AuditEvent]:
        """What names no account, an ask and how it was decided, is of those that its request meant."""
        rows = super().reached(rows, viewer)
        asks = {row.request_id for row in rows if row.request_id and not row.user_key} if agents.is_limited() else set()
        meant = dict[Any, list[str]]()
        for request, key in Decision.objects.filter(request__in=asks).values_list("request_id", "user_key"):
            meant.setdefault(request, []).append(key)
        viewer.look_up(chain.from_iterable(meant.values()))
        asked = ResetRequest.objects.filter(pk__in=asks if viewer.doors is not None else ())
        doors = dict(asked.values_list("pk", "audience"))
        return [row for row in rows if row.user_key or self._is_of_reach(row, meant, doors, viewer)]

    def _is_of_reach(self, row: AuditEvent, meant: dict[Any, list[str]], doors: dict[Any, str], viewer: Viewer) -> bool:
        return viewer.reaches(meant.get(row.request_id, ()), audience=doors.get(row.request_id, ""))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        return row if row is not None and self.reached([row], Viewer.of(request)) else None

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
        known = ResetRequest.objects.filter(reference=reference).values_list("pk", flat=True) if reference else []
        requests.update(known)
        ways = [trail.filter(request_id__in=requests), trail.filter(user_key=term)]
        if reference and not known:  # its request was purged: the trail is read through for what bears it
            ways.append(trail.filter(reference=reference))
        return chain.from_iterable(way.values_list("pk", flat=True)[:MOST_FOUND] for way in ways)
