"""The trail: who did what to whose account, and why. Read by whoever has the right, changed by nobody."""

import json
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from recovery.admin import moments
from recovery.admin.emails import meant, uuid_in
from recovery.admin.readonly import MOST_FOUND, AccountFilter, ReadOnlyAdmin
from recovery.admin.viewers import Viewer
from recovery.models import AuditEvent
from recovery.models.requests import parse_reference, shown_reference


class AuditEventAdmin(ReadOnlyAdmin):
    """List and page of the trail."""

    list_filter = ("action", ("occurred_at", admin.DateFieldListFilter), AccountFilter)
    ordering = ("-occurred_at", "id")
    search_help_text = _("Reference, recipient, message id or account key.")

    def staff_of(self, row: AuditEvent) -> Iterable[str]:
        return [row.actor_key]

    def get_list_display(self, request: HttpRequest) -> tuple[Callable[[AuditEvent], Any], ...]:
        return self._columns(request)[:6]

    def get_fields(self, request: HttpRequest, obj: AuditEvent | None = None) -> list[Any]:
        return list(self._columns(request))

    def get_readonly_fields(self, request: HttpRequest, obj: AuditEvent | None = None) -> list[Any]:
        return self.get_fields(request, obj)

    def found(self, term: str, viewer: Viewer) -> Iterable[Any]:
        trail = AuditEvent.objects.order_by("-occurred_at")
        requests = {
            pk
            for mail in meant(term, viewer)
            for pk in mail.exclude(request=None).values_list("request_id", flat=True)[:MOST_FOUND]
        }
        if own := uuid_in(term):
            requests.add(own)
        ways = [trail.filter(request_id__in=requests), trail.filter(user_key=term)]
        if reference := parse_reference(term):
            ways.append(trail.filter(reference=reference))
        return chain.from_iterable(way.values_list("pk", flat=True)[:MOST_FOUND] for way in ways)

    def _columns(self, request: HttpRequest) -> tuple[Callable[[AuditEvent], Any], ...]:
        """What a row shows this viewer: functions, because the rows do not know who looks at them."""
        viewer, site = Viewer.of(request), self.admin_site.name

        @admin.display(description=_("when"), ordering="occurred_at")
        def occurred_at(event: AuditEvent) -> Any:
            return moments.shown(event.occurred_at)

        @admin.display(description=_("what"))
        def action(event: AuditEvent) -> str:
            return event.get_action_display()

        @admin.display(description=_("who acted"))
        def actor(event: AuditEvent) -> Any:
            return viewer.link_to(event.actor_key, site) if event.actor_key else "–"

        @admin.display(description=_("whose account"))
        def account(event: AuditEvent) -> Any:
            return viewer.link_to(event.user_key, site) if event.user_key else "–"

        @admin.display(description=_("request"))
        def request_link(event: AuditEvent) -> Any:
            text = shown_reference(event.reference) or str(event.request_id or "")[:8]
            return self.link("resetrequest", event.request_id, text, viewer) if event.request_id else "–"

        @admin.display(description=_("reason given"))
        def reason(event: AuditEvent) -> str:
            return viewer.text(event.reason) or "–"

        @admin.display(description=_("email"))
        def email_link(event: AuditEvent) -> Any:
            return self.link("email", event.email_id, str(event.email_id)[:8], viewer) if event.email_id else "–"

        @admin.display(description=_("detail"))
        def detail(event: AuditEvent) -> str:
            return viewer.text(json.dumps(event.detail, ensure_ascii=False)) if event.detail else "–"

        return occurred_at, action, actor, account, request_link, reason, email_link, detail
