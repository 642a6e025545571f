"""A support case that staff open by hand, on the site's own user pages, for whoever calls before any mail failed."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext as _

from recovery import accounts, cases
from recovery.admin.acts import asking, lead_back, url_of
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer
from recovery.models import SupportCase

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = object

RIGHT = "recovery.work_cases"


class OpenedCaseMixin(_Admin):
    """For a UserAdmin: "Open support case" on the page of a person who has no open one."""

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_open_case"
        view = self.admin_site.admin_view(self.open_case_view)
        return [path("<path:object_id>/open-case/", view, name=name), *super().get_urls()]

    def open_case_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for the reason, then opens it. GET only asks."""
        if not request.user.has_perm(RIGHT):
            raise PermissionDenied
        user = self.get_object(request, unquote(object_id))
        if user is None:
            raise Http404
        if not self.has_view_or_change_permission(request, user):
            raise PermissionDenied
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            self._open(request, user, form.cleaned_data["reason"])
            return lead_back(request, url_of(self, "change", quote(user.pk)))
        return asking(
            self,
            request,
            form,
            "act.html",
            title=_("Open a support case?"),
            back_url=url_of(self, "change", quote(user.pk)),
            facts=[(_("Account"), Viewer.of(request).name(user))],
            consequences=[
                _("Your reason is its first note. The support team is told of it as of any other case."),
                _("It closes by itself when the person sets a new password."),
            ],
            submit=_("Open support case"),
        )

    def case_tools(self, request: HttpRequest, user: AbstractBaseUser) -> Iterable[dict[str, str]]:
        """The button, where it would do something."""
        is_open = SupportCase.objects.filter(user_key=accounts.key_of(user), closed_at=None)
        if request.user.has_perm(RIGHT) and not is_open.exists():
            yield {"url": url_of(self, "open_case", quote(user.pk)), "label": _("Open support case")}

    def _open(self, request: HttpRequest, user: AbstractBaseUser, reason: str) -> None:
        case = cases.open_by_hand(user, actor=actor_of(request), reason=reason)
        if case is None:
            self.message_user(request, _("Nothing was done: this person has an open case."), messages.WARNING)
            return
        self.log_change(request, user, _("Opened a support case."))
        said = _("The support case is open.")
        link = Viewer.of(request).link_to_page("supportcase", case.pk, said, self.admin_site.name)
        self.message_user(request, format_html("{}", link), messages.SUCCESS)
