"""Recovery on the site's own user pages: ``class UserAdmin(UserRecoveryMixin, auth_admin.UserAdmin)``.

Staff send links and never see one. What a link, a cap or a changed address means is decided in ``resets``;
here stand the rights, the question "are you sure, and why?" and the answer.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recovery import accounts, resets
from recovery.admin.acts import asking, url_of
from recovery.admin.forcing import ACTION as FORCE
from recovery.admin.forcing import ForcingMixin
from recovery.admin.new_addresses import NewAddressMixin
from recovery.admin.opened_cases import OpenedCaseMixin
from recovery.admin.scope import ScopeMixin, actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer
from recovery.exceptions import NotAllowed
from recovery.origin import Origin

MOST_AT_ONCE: Final = 100
ACTION: Final = "send_reset_links"


class UserRecoveryMixin(ScopeMixin, NewAddressMixin, OpenedCaseMixin, ForcingMixin):
    """For a UserAdmin: "Send reset link" and "Force a new password" on the person's page and for many people, "Open
    support case", a way to their requests, mail and cases, and the follow-up of an address that is edited here.
    Accounts out of ``MAY_ACT_ON`` do not exist."""

    def __init__(self, model: type[Any], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        if self.actions is not None:  # beside whatever the site's own class lists
            self.actions = [*self.actions, *(each for each in (ACTION, FORCE) if each not in self.actions)]

    def has_send_reset_permission(self, request: HttpRequest) -> bool:
        """Asked by the admin for the list action, too."""
        return bool(request.user.is_active and request.user.has_perm("recovery.send_reset"))

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "<path:object_id>/send-reset-link/",
                self.admin_site.admin_view(self.send_reset_link_view),
                name=f"{self.opts.app_label}_{self.opts.model_name}_send_reset_link",
            ),
            *super().get_urls(),
        ]

    def send_reset_link_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for the reason, then sends one link. GET only asks."""
        if not self.has_send_reset_permission(request):
            raise PermissionDenied
        user = self.get_object(request, unquote(object_id))
        if user is None:
            raise Http404
        if not self.has_view_or_change_permission(request, user):
            raise PermissionDenied
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            self._send(request, [user], form.cleaned_data["reason"])
            return HttpResponseRedirect(url_of(self, "change", quote(user.pk)))
        return self._ask(request, [user], form)

    @admin.action(description=gettext_lazy("Send reset link"), permissions=["send_reset"])
    def send_reset_links(self, request: HttpRequest, queryset: "QuerySet[Any]") -> HttpResponse | None:
        """The same for many people; the queryset holds only whom the actor reaches."""
        people = list(queryset[: MOST_AT_ONCE + 1])
        if len(people) > MOST_AT_ONCE:
            self.message_user(request, _("Choose %d people at most.") % MOST_AT_ONCE, messages.ERROR)
            return None
        if not people:
            raise Http404
        form = ReasonForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self._ask(request, people, form)
        self._send(request, people, form.cleaned_data["reason"])
        return None

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The site's own template of this page, whichever that is, with our buttons in its object tools."""
        response = super().render_change_form(request, context, *args, **kwargs)
        user = context.get("original")
        if user is not None and isinstance(response, TemplateResponse):
            context = response.context_data or {}
            context["recovery_page"] = response.resolve_template(response.template_name)
            context["recovery_tools"] = list(self._tools(request, user))
            response.context_data = context
            response.template_name = "admin/recovery/user_change_form.html"
        return response

    def _tools(self, request: HttpRequest, user: AbstractBaseUser) -> Iterable[dict[str, str]]:
        if self.has_send_reset_permission(request):
            yield {"url": url_of(self, "send_reset_link", quote(user.pk)), "label": _("Send reset link")}
        yield from self.forcing_tools(request, user)
        yield from self.case_tools(request, user)
        viewer = Viewer.of(request)
        pages = {
            "resetrequest": _("Recovery requests"),
            "email": _("Recovery mail"),
            "supportcase": _("Support cases"),
            "backupaddress": _("Backup addresses"),
            "rotationmember": _("Forced rotations"),
        }
        for model_name, label in pages.items():
            if viewer.may_view(model_name):
                try:
                    url = reverse(f"admin:recovery_{model_name}_changelist", current_app=self.admin_site.name)
                except NoReverseMatch:  # this admin site does not show our pages
                    continue
                yield {"url": f"{url}?user_key={quote(accounts.key_of(user))}", "label": label}

    def _ask(self, request: HttpRequest, people: Sequence[AbstractBaseUser], form: ReasonForm) -> HttpResponse:
        viewer, is_action = Viewer.of(request), ACTION_CHECKBOX_NAME in request.POST
        title = ngettext("Send a reset link?", "Send %(count)d reset links?", len(people)) % {"count": len(people)}
        return asking(
            self,
            request,
            form,
            "send_reset_link.html",
            title=title,
            back_url=url_of(self, "changelist") if is_action else url_of(self, "change", quote(people[0].pk)),
            people=[_introduced(user, viewer) for user in people],
            action_name=ACTION if is_action else "",
            checkbox_name=ACTION_CHECKBOX_NAME,
        )

    def _send(self, request: HttpRequest, people: Sequence[AbstractBaseUser], reason: str) -> None:
        """Send to each, and say what became of it; the first refusal ends it."""
        viewer, asked = Viewer.of(request), list[SafeString]()
        for user in people:
            try:
                sent = resets.send_by_staff(user, actor=actor_of(request), reason=reason, origin=Origin.of(request))
            except NotAllowed as refusal:
                missed = _("No link for %(name)s. %(why)s") % {"name": viewer.name(user), "why": refusal}
                self.message_user(request, missed, messages.ERROR)
                break
            self.log_change(request, user, _("Sent a reset link (%s).") % sent.shown_reference)
            reference = viewer.link_to_page("resetrequest", sent.pk, sent.shown_reference, self.admin_site.name)
            asked.append(format_html("{} ({})", viewer.name(user), reference))
        if asked:
            said = ngettext("A reset link is on its way:", "%(count)d reset links are on their way:", len(asked))
            names = format_html_join(", ", "{}", ((one,) for one in asked))
            self.message_user(request, format_html("{} {}.", said % {"count": len(asked)}, names), messages.SUCCESS)


def _introduced(user: AbstractBaseUser, viewer: Viewer) -> dict[str, Any]:
    """Who it is, where mail goes, and why none will go, where that is known beforehand."""
    address = accounts.of_user(user).reset_address
    if not user.is_active:
        obstacle = _("inactive: gets no mail")
    elif not accounts.has_password(user):
        obstacle = _("signs in without a password here: gets no reset link")
    elif address is None:
        obstacle = _("has no address: gets no mail")
    elif not address.verified:
        obstacle = _("address was never verified: gets no mail")
    else:
        obstacle = ""
    return {
        "key": user.pk,
        "name": viewer.name(user),
        "address": viewer.address(address.text) if address else "",
        "obstacle": obstacle,
    }
