"""What staff do with one support case: assign it, note, pass it on again, close it. What that means is decided in
``cases``; to whom one may be assigned stands in ``colleagues``."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from recovery import accounts, cases
from recovery.admin import colleagues
from recovery.admin.acts import asking, lead_back, url_of
from recovery.admin.readonly import ReadOnlyAdmin
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm, TextField
from recovery.admin.viewers import Viewer
from recovery.models import SupportCase

ASSIGN, NOTE, TELL_AGAIN, CLOSE = "assign", "note", "tell-again", "close"
TITLES: Final = {
    ASSIGN: _("Assign this case?"),
    NOTE: _("Add a note"),
    TELL_AGAIN: _("Pass this case on again?"),
    CLOSE: _("Close this case?"),
}
BUTTONS: Final = {
    ASSIGN: _("Assign"),
    NOTE: _("Add a note"),
    TELL_AGAIN: _("Pass on again"),
    CLOSE: _("Close case"),
}
CONSEQUENCES: Final = {
    ASSIGN: _("The others see who works on it. Nobody is told by mail."),
    NOTE: _("It stands below the case, with your name. Do not write down any password."),
    TELL_AGAIN: _(
        "It is tried at once, and for a day if need be. A target that knows the case makes no second ticket."
    ),
    CLOSE: _("It closes by itself when the person sets a new password. Close it by hand if they got in another way."),
}
DONE: Final = {
    ASSIGN: _("The case is assigned."),
    NOTE: _("The note is added."),
    TELL_AGAIN: _("The case is being passed on again. This page shows what comes of it."),
    CLOSE: _("The case is closed."),
}
_IS_CLOSED: Final = _("Nothing was done: the case is closed already.")
NOT_DONE: Final = {
    ASSIGN: _IS_CLOSED,
    TELL_AGAIN: _("Nothing was done: no target is given up, or the settings name it no more."),
    CLOSE: _IS_CLOSED,
}


class NoteForm(ReasonForm):
    """What is to be remembered; it takes the place of the reason."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"] = TextField(label=_("Note"), help_text=_("Stands below the case, with your name."))
        self.fields["reason"].widget.attrs["autofocus"] = True


class AssignForm(ReasonForm):
    """Who is to work on it: the user name of a member of staff who may; blank for oneself."""

    to = forms.CharField(
        label=_("Assign to"),
        required=False,
        max_length=254,
        help_text=_("User name of somebody who may work on cases and reaches this person; blank: you."),
        widget=forms.TextInput(attrs={"list": "recovery-colleagues", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, case: SupportCase, viewer: Viewer) -> None:
        super().__init__(*args)
        self.person = viewer.person(case.user_key)
        self.viewer = viewer

    def suggestions(self) -> list[str]:
        """User names that the browser offers."""
        return colleagues.names_for(self.person, self.viewer)

    def clean_to(self) -> AbstractBaseUser | None:
        typed = str(self.cleaned_data["to"])
        if not typed:
            return None
        users = [account.user for account in accounts.of_identifier(typed)]
        staff = [user for user in users if colleagues.is_staff(user)]
        if len(staff) != 1:
            raise forms.ValidationError(_("There is no such member of staff."), code="unknown")
        [chosen] = staff
        if not colleagues.may_work(chosen):
            raise forms.ValidationError(_("This member of staff may not work on cases."), code="no_right")
        if not colleagues.reaches(chosen, self.person):
            raise forms.ValidationError(_("This member of staff may not act on this person."), code="out_of_reach")
        return chosen


class WorkingMixin(ReadOnlyAdmin):
    """For the admin of cases: a button for each thing that can be done, and the page that asks why."""

    def get_urls(self) -> list[URLPattern]:
        work = self.admin_site.admin_view(self.work_view)
        return [path("<uuid:key>/work/<str:act>/", work, name="recovery_supportcase_work"), *super().get_urls()]

    def has_work_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("recovery.work_cases"))

    def tools_of(self, request: HttpRequest, row: SupportCase) -> list[dict[str, Any]]:
        if not self.has_work_permission(request):
            return []
        acts = [NOTE] if row.closed_at else [ASSIGN, NOTE, CLOSE]
        if cases.given_up(row):
            acts.append(TELL_AGAIN)
        return [{"url": url_of(self, "work", row.pk, act), "label": BUTTONS[act]} for act in acts]

    def work_view(self, request: HttpRequest, key: UUID, act: str) -> HttpResponse:
        """Asks, then does it. GET only asks."""
        if not (self.has_work_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        case = self.get_object(request, str(key))
        if case is None or act not in TITLES:
            raise Http404
        form = _form(act, request, case)
        if not form.is_valid():
            return self._ask_why(request, case, act, form)
        if _do(case, act, form.cleaned_data, actor_of(request)):
            self.message_user(request, str(DONE[act]), messages.SUCCESS)
        else:
            self.message_user(request, str(NOT_DONE[act]), messages.WARNING)
        return lead_back(request, url_of(self, "change", case.pk))

    def _ask_why(self, request: HttpRequest, case: SupportCase, act: str, form: ReasonForm) -> HttpResponse:
        columns = self.columns_for(request)
        facts = [
            (_("Account"), columns.account(case)),
            (_("Why"), columns.reason(case)),
            (_("Opened"), columns.opened_at(case)),
        ]
        if act == TELL_AGAIN:
            lost = cases.given_up(case)
            facts.append((_("Target"), ", ".join(dict.fromkeys(each.target for each in lost)) or "–"))
        return asking(
            self,
            request,
            form,
            "work_case.html",
            title=TITLES[act],
            back_url=url_of(self, "change", case.pk),
            consequences=[CONSEQUENCES[act]],
            submit=BUTTONS[act],
            facts=facts,
        )


def _form(act: str, request: HttpRequest, case: SupportCase) -> ReasonForm:
    given = request.POST if request.method == "POST" else None
    if act == ASSIGN:
        return AssignForm(given, case=case, viewer=Viewer.of(request))
    return NoteForm(given) if act == NOTE else ReasonForm(given)


def _do(case: SupportCase, act: str, given: dict[str, Any], actor: AbstractBaseUser) -> bool:
    if act == NOTE:
        return bool(cases.note(case, text=given["reason"], actor=actor))
    if act == CLOSE:
        return cases.close(case, actor=actor, reason=given["reason"])
    if act == TELL_AGAIN:
        return bool(cases.tell_again(case, actor=actor, reason=given["reason"]))
    return cases.assign(case, to=accounts.key_of(given["to"] or actor), actor=actor, reason=given["reason"])
