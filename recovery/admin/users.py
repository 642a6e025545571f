"""Recovery on the site's own user pages: ``class UserAdmin(UserRecoveryMixin, auth_admin.UserAdmin)``.

Staff send links and never see one. Here stand the reset link's right and words, and what the person's page offers.
"""

from collections.abc import Iterable
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recovery import accounts, resets
from recovery.admin import ways
from recovery.admin.acts import url_of
from recovery.admin.correcting import CorrectingMixin
from recovery.admin.forcing import ACTION as FORCE
from recovery.admin.forcing import ForcingMixin
from recovery.admin.forgetting import ForgettingMixin
from recovery.admin.new_accounts import NewAccountMixin
from recovery.admin.new_addresses import NewAddressMixin
from recovery.admin.opened_cases import OpenedCaseMixin
from recovery.admin.passwords import PasswordMixin
from recovery.admin.scope import ScopeMixin, actor_of
from recovery.admin.sent_links import SentLink, free_again
from recovery.admin.unlocking import ACTION as UNLOCK
from recovery.admin.unlocking import UnlockingMixin
from recovery.admin.viewers import Viewer
from recovery.models import ResetRequest
from recovery.origin import Origin


def _send(user: AbstractBaseUser, request: HttpRequest, reason: str) -> ResetRequest:
    return resets.send_by_staff(user, actor=actor_of(request), reason=reason, origin=Origin.of(request))


def _obstacle(user: AbstractBaseUser) -> str:
    signs_in_elsewhere = not accounts.has_password(user) and not resets.waits_to_join(user)
    return _("signs in without a password here: gets no reset link") if signs_in_elsewhere else ""


RESET: Final = SentLink(
    action="send_reset_links",
    title=lambda count: ngettext("Send a reset link?", "Send %(count)d reset links?", count) % {"count": count},
    on_its_way=lambda count: (
        ngettext("A reset link is on its way:", "%(count)d reset links are on their way:", count) % {"count": count}
    ),
    noted=gettext_lazy("Sent a reset link (%s)."),
    send=_send,
    obstacle=_obstacle,
)


class UserRecoveryMixin(
    ScopeMixin,
    PasswordMixin,
    NewAccountMixin,
    NewAddressMixin,
    CorrectingMixin,
    OpenedCaseMixin,
    UnlockingMixin,
    ForcingMixin,
    ForgettingMixin,
):
    """For a UserAdmin: "Send reset link", "Send activation link", "Unlock" and "Force a new password" on the person's
    page and for many people, a link with a new account, "Activate account", "Lock sign-in", "Correct address", "Forget
    known devices", "Open support case", a way to their requests, mail and cases, and the follow-up of an address or a
    password that is edited here.
    Accounts out of ``MAY_ACT_ON`` do not exist."""

    link_actions = (RESET.action, *NewAccountMixin.link_actions, UNLOCK, FORCE)

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
        return self.link_page(request, object_id, RESET)

    @admin.action(description=gettext_lazy("Send reset link"), permissions=["send_reset"])
    def send_reset_links(self, request: HttpRequest, queryset: "QuerySet[Any]") -> HttpResponse | None:
        """The same for many people; the queryset holds only whom the actor reaches."""
        return self.links_action(request, queryset, RESET)

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
            if self.has_send_reset_permission(request) or self.has_activate_permission(request):
                context["recovery_free_again"] = free_again(resets.held_up([user]).get(accounts.key_of(user), {}))
            response.context_data = context
            response.template_name = "admin/recovery/user_change_form.html"
        return response

    def _tools(self, request: HttpRequest, user: AbstractBaseUser) -> Iterable[dict[str, str]]:
        if self.has_send_reset_permission(request):
            yield {"url": url_of(self, "send_reset_link", quote(user.pk)), "label": _("Send reset link")}
        yield from self.activation_tools(request, user)
        yield from self.lockout_tools(request, user)
        yield from self.correcting_tools(request, user)
        yield from self.forcing_tools(request, user)
        yield from self.device_tools(request, user)
        yield from self.case_tools(request, user)
        viewer = Viewer.of(request)
        yield from ways.to_diagnosis("person", quote(accounts.key_of(user)), viewer, self.admin_site.name)
        yield from ways.to_people([accounts.key_of(user)], viewer, self.admin_site.name)
        pages = {
            "resetrequest": _("Recovery requests"),
            "email": _("Recovery mail"),
            "supportcase": _("Support cases"),
            "backupaddress": _("Backup addresses"),
            "lockout": _("Lockouts"),
            "rotationmember": _("Forced rotations"),
            "addresscorrection": _("Corrections of the address"),
        }
        for model_name, label in pages.items():
            if viewer.may_view(model_name):
                try:
                    url = reverse(f"admin:recovery_{model_name}_changelist", current_app=self.admin_site.name)
                except NoReverseMatch:  # this admin site does not show our pages
                    continue
                yield {"url": f"{url}?user_key={quote(accounts.key_of(user))}", "label": label}
