"""Support cases: who cannot get in and why, who works on it, what was noted, and the way to the request.

What staff do with one stands in ``working``.
"""

from collections.abc import Iterable
from datetime import timedelta
from functools import reduce
from itertools import chain
from operator import or_
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from recovery import timelines
from recovery.admin import moments
from recovery.admin.columns import Columns
from recovery.admin.counted import CountedFilter
from recovery.admin.exports import ExportMixin
from recovery.admin.finding import uuid_in
from recovery.admin.readonly import MOST_FOUND, AccountFilter
from recovery.admin.steps import rows_of
from recovery.admin.viewers import Viewer
from recovery.admin.working import WorkingMixin
from recovery.models import CaseTelling, Email, SupportCase
from recovery.models.requests import parse_reference
from recovery.reasons import CaseNews, EmailKind

NEAR: Final = timedelta(minutes=1)  # the mail of a case is queued with it, by another clock at most


class SupportCaseColumns(Columns):
    """What a row shows of a case."""

    @admin.display(description=_("opened"), ordering="opened_at")
    def opened_at(self, row: SupportCase) -> Any:
        return moments.shown(row.opened_at)

    @admin.display(description=_("state"))
    def state(self, row: SupportCase) -> SafeString:
        mood, word = ("good", gettext("closed")) if row.closed_at else ("bad", gettext("open"))
        return format_html(
            '<span class="recovery-word recovery-{}">{}</span> <span class="quiet">{}</span>',
            mood,
            word,
            row.get_end_display() if row.end else "",
        )

    @admin.display(description=_("reason"))
    def reason(self, row: SupportCase) -> str:
        return row.get_reason_display()

    @admin.display(description=_("account"))
    def account(self, row: SupportCase) -> Any:
        return self.person(row.user_key)

    @admin.display(description=_("request"))
    def request_link(self, row: SupportCase) -> Any:
        return self.page("resetrequest", row.request.pk, row.request.shown_reference) if row.request else "–"

    @admin.display(description=_("forced rotation"))
    def rotation(self, row: SupportCase) -> Any:
        found = row.rotations.order_by("-id").first()
        return self.page("rotation", found.pk, str(found)) if found else "–"

    @admin.display(description=_("assigned to"))
    def assignee(self, row: SupportCase) -> Any:
        return self.person(row.assigned_to)

    @admin.display(description=_("closed"))
    def closed_at(self, row: SupportCase) -> Any:
        return moments.shown(row.closed_at)

    @admin.display(description=_("closed by"))
    def closer(self, row: SupportCase) -> Any:
        return self.person(row.closed_by) if row.closed_by or not row.closed_at else gettext("by itself")

    @admin.display(description=_("reason given"))
    def end_reason(self, row: SupportCase) -> str:
        return self.viewer.text(row.end_reason) or "–"


class OpenFilter(admin.SimpleListFilter):
    """Open cases, or closed ones."""

    title = _("state")
    parameter_name = "is"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("open")), ("closed", _("closed"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(closed_at__isnull=self.value() == "open") if self.value() else queryset


class SupportCaseAdmin(ExportMixin, WorkingMixin):
    """List and page of cases."""

    columns = SupportCaseColumns
    listed = ("opened_at", "state", "account", "reason", "request_link", "assignee")
    further = ("rotation", "closed_at", "closer", "end_reason")
    as_stored = ("failure_count",)
    list_filter = (OpenFilter, "reason", ("opened_at", admin.DateFieldListFilter), AccountFilter, CountedFilter)
    list_select_related = ("request",)
    ordering = ("-opened_at", "id")
    search_help_text = _("Reference of the request, id of the case, or account key.")

    def staff_of(self, row: SupportCase) -> Iterable[str]:
        return [row.assigned_to, row.closed_by]

    def found(self, term: str, viewer: Viewer) -> Iterable[Any]:
        ways = [SupportCase.objects.filter(user_key=term).order_by("-opened_at")]
        if reference := parse_reference(term):
            ways.append(SupportCase.objects.filter(request__reference=reference))
        own = uuid_in(term)
        return chain([own] if own else [], *(way.values_list("pk", flat=True)[:MOST_FOUND] for way in ways))

    def story_of(self, row: SupportCase, viewer: Viewer) -> dict[str, Any]:
        notes = list(row.notes.all())
        viewer.look_up(note.actor_key for note in notes)
        return {
            "notes": [
                {
                    "who": viewer.link_to(note.actor_key, self.admin_site.name) or gettext("by itself"),
                    "when": moments.shown(note.written_at),
                    "text": viewer.text(note.text),
                }
                for note in notes
            ],
            "tellings": [*self._mails(row, viewer), *map(_telling, row.tellings.all())],
            "timeline": self._timeline(row, viewer),
        }

    def _timeline(self, row: SupportCase, viewer: Viewer) -> list[dict[str, Any]]:
        """Of its request, for whoever may open that."""
        if row.request is None or not viewer.may_view("resetrequest"):
            return []
        return rows_of(timelines.of_request(row.request), viewer, self.admin_site.name)

    def _mails(self, row: SupportCase, viewer: Viewer) -> Iterable[dict[str, Any]]:
        """What the mail target sent, which is in the email log: it was queued when the case opened, or closed."""
        moments = filter(None, (row.opened_at, row.closed_at))
        around = [Q(queued_at__range=(moment - NEAR, moment + NEAR)) for moment in moments]
        for email in Email.objects.filter(reduce(or_, around), kind=EmailKind.SUPPORT_CASE):
            if email.context.get("case") == str(row.pk):
                address = viewer.address(email.recipient)
                yield {
                    "target": viewer.link_to_page("email", email.pk, address, self.admin_site.name),
                    "news": dict(CaseNews.choices).get(email.context.get("news", ""), ""),
                    "state": email.get_state_display(),
                    "tries": email.attempt_count,
                    "detail": email.get_reason_display() if email.reason else "",
                }


def _telling(telling: CaseTelling) -> dict[str, Any]:
    return {
        "target": telling.target,
        "news": telling.get_news_display(),
        "state": telling.get_stage_display(),
        "tries": telling.attempt_count,
        "detail": telling.detail,
    }
