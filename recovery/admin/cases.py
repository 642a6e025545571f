"""Support cases: who cannot get in and why, who works on it, what was noted, and the way to the request."""

from collections.abc import Iterable
from datetime import timedelta
from functools import reduce
from itertools import chain
from operator import or_
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from recovery import accounts, cases, timelines
from recovery.admin import moments
from recovery.admin.acts import asking, url_of
from recovery.admin.columns import Columns
from recovery.admin.counted import CountedFilter
from recovery.admin.emails import uuid_in
from recovery.admin.exports import ExportMixin
from recovery.admin.readonly import MOST_FOUND, AccountFilter
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.steps import rows_of
from recovery.admin.viewers import Viewer
from recovery.models import CaseTelling, Email, SupportCase
from recovery.models.requests import parse_reference
from recovery.origin import printable
from recovery.reasons import CaseNews, EmailKind

NEAR: Final = timedelta(minutes=1)  # the mail of a case is queued with it, by another clock at most

RIGHTS: Final = ("recovery.view_supportcase", "recovery.work_cases")  # both are needed to work on one
ASSIGN, NOTE, CLOSE = "assign", "note", "close"
TITLES: Final = {ASSIGN: _("Assign this case?"), NOTE: _("Add a note"), CLOSE: _("Close this case?")}
BUTTONS: Final = {ASSIGN: _("Assign"), NOTE: _("Add a note"), CLOSE: _("Close case")}
CONSEQUENCES: Final = {
    ASSIGN: _("The others see who works on it. Nobody is told by mail."),
    NOTE: _("It stands below the case, with your name. Do not write down any password."),
    CLOSE: _("It closes by itself when the person sets a new password. Close it by hand if they got in another way."),
}
DONE: Final = {ASSIGN: _("The case is assigned."), NOTE: _("The note is added."), CLOSE: _("The case is closed.")}


class NoteForm(ReasonForm):
    """What is to be remembered; it takes the place of the reason."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"] = NoteField()


class NoteField(forms.CharField):
    """Some lines of text without control characters."""

    def __init__(self, **options: Any) -> None:
        area = forms.Textarea(attrs={"rows": 5, "cols": 60, "autofocus": True})
        text = _("Stands below the case, with your name.")
        super().__init__(**{"label": _("Note"), "max_length": 2000, "help_text": text, "widget": area, **options})

    def to_python(self, value: Any) -> str:
        return "\n".join(printable(line) for line in str(super().to_python(value) or "").splitlines()).strip()


class AssignForm(ReasonForm):
    """Who is to work on it: the user name of a member of staff who may; blank for oneself."""

    to = forms.CharField(
        label=_("Assign to"),
        required=False,
        max_length=254,
        help_text=_("User name of somebody who may work on cases; blank: you."),
    )

    def clean_to(self) -> AbstractBaseUser | None:
        typed = str(self.cleaned_data["to"])
        found: list[Any] = [account.user for account in accounts.of_identifier(typed)] if typed else []
        staff = [user for user in found if getattr(user, "is_staff", False) and user.is_active]
        if typed and len(staff) != 1:
            raise forms.ValidationError(_("There is no such member of staff."), code="unknown")
        if not all(user.has_perm(right) for user in staff for right in RIGHTS):
            raise forms.ValidationError(_("This member of staff may not work on cases."), code="no_right")
        return next(iter(staff), None)


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


class SupportCaseAdmin(ExportMixin):
    """List and page of cases, with a button for each thing that staff may do."""

    columns = SupportCaseColumns
    listed = ("opened_at", "state", "account", "reason", "request_link", "assignee")
    further = ("closed_at", "closer", "end_reason")
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
                    "who": viewer.link_to(note.actor_key, self.admin_site.name),
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

    def get_urls(self) -> list[URLPattern]:
        work = self.admin_site.admin_view(self.work_view)
        return [path("<uuid:key>/work/<str:act>/", work, name="recovery_supportcase_work"), *super().get_urls()]

    def has_work_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("recovery.work_cases"))

    def tools_of(self, request: HttpRequest, row: SupportCase) -> list[dict[str, Any]]:
        if not self.has_work_permission(request):
            return []
        acts = [NOTE] if row.closed_at else [ASSIGN, NOTE, CLOSE]
        return [{"url": url_of(self, "work", row.pk, act), "label": BUTTONS[act]} for act in acts]

    def work_view(self, request: HttpRequest, key: UUID, act: str) -> HttpResponse:
        """Asks, then does it. GET only asks."""
        if not (self.has_work_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        case = self.get_object(request, str(key))
        if case is None or act not in TITLES:
            raise Http404
        kind = {ASSIGN: AssignForm, NOTE: NoteForm}.get(act, ReasonForm)
        form = kind(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._ask_why(request, case, act, form)
        if _do(case, act, form.cleaned_data, actor_of(request)):
            self.message_user(request, str(DONE[act]), messages.SUCCESS)
        else:
            self.message_user(request, gettext("Nothing was done: the case is closed already."), messages.WARNING)
        return HttpResponseRedirect(url_of(self, "change", case.pk))

    def _ask_why(self, request: HttpRequest, case: SupportCase, act: str, form: ReasonForm) -> HttpResponse:
        columns = self.columns_for(request)
        return asking(
            self,
            request,
            form,
            "work_case.html",
            title=TITLES[act],
            back_url=url_of(self, "change", case.pk),
            consequences=[CONSEQUENCES[act]],
            submit=BUTTONS[act],
            facts=[
                (_("Account"), columns.account(case)),
                (_("Why"), columns.reason(case)),
                (_("Opened"), columns.opened_at(case)),
            ],
        )


def _telling(telling: CaseTelling) -> dict[str, Any]:
    return {
        "target": telling.target,
        "news": telling.get_news_display(),
        "state": telling.get_stage_display(),
        "tries": telling.attempt_count,
        "detail": telling.detail,
    }


def _do(case: SupportCase, act: str, given: dict[str, Any], actor: AbstractBaseUser) -> bool:
    if act == NOTE:
        return bool(cases.note(case, text=given["reason"], actor=actor))
    if act == CLOSE:
        return cases.close(case, actor=actor, reason=given["reason"])
    return cases.assign(case, to=accounts.key_of(given["to"] or actor), actor=actor, reason=given["reason"])
