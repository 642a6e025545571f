"""The first password and the inactive account, on the site's own user pages.

A link to choose a password, and an account that is made active: one right for both, each with a reason. What they mean
is decided in ``resets``; the form for a new account is ``new_accounts``.
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recovery import accounts, resets
from recovery.admin.acts import asking, lead_back, url_of
from recovery.admin.scope import actor_of
from recovery.admin.sent_links import SentLink, SentLinksMixin
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer
from recovery.conf import conf
from recovery.exceptions import NotAllowed
from recovery.models import ResetRequest
from recovery.origin import Origin

RIGHT: Final = "recovery.activate"


def _send(user: AbstractBaseUser, request: HttpRequest, reason: str) -> ResetRequest:
    return resets.activate(user, actor=actor_of(request), reason=reason, origin=Origin.of(request))


def _obstacle(user: AbstractBaseUser) -> str:
    return _("has a password or has signed in: gets no activation link") if accounts.has_joined(user) else ""


ACTIVATION: Final = SentLink(
    action="send_activation_links",
    title=lambda count: (
        ngettext("Send an activation link?", "Send %(count)d activation links?", count) % {"count": count}
    ),
    on_its_way=lambda count: (
        ngettext("An activation link is on its way:", "%(count)d activation links are on their way:", count)
        % {"count": count}
    ),
    noted=gettext_lazy("Sent an activation link (%s)."),
    send=_send,
    obstacle=_obstacle,
)


class ActivationMixin(SentLinksMixin):
    """For a UserAdmin: "Send activation link" on the page of somebody who never joined and for many people, "Activate
    account" on the page of somebody inactive."""

    link_actions: ClassVar[Sequence[str]] = (ACTIVATION.action,)

    def has_activate_permission(self, request: HttpRequest) -> bool:
        """Asked by the admin for the list action, too."""
        return bool(request.user.is_active and request.user.has_perm(RIGHT))

    def get_urls(self) -> list[URLPattern]:
        name, wrap = f"{self.opts.app_label}_{self.opts.model_name}", self.admin_site.admin_view
        link, account = wrap(self.send_activation_link_view), wrap(self.activate_account_view)
        return [
            path("<path:object_id>/send-activation-link/", link, name=f"{name}_send_activation_link"),
            path("<path:object_id>/activate-account/", account, name=f"{name}_activate_account"),
            *super().get_urls(),
        ]

    def send_activation_link_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for the reason, then sends one link. GET only asks."""
        if not self.has_activate_permission(request):
            raise PermissionDenied
        return self.link_page(request, object_id, ACTIVATION)

    @admin.action(description=gettext_lazy("Send activation link"), permissions=["activate"])
    def send_activation_links(self, request: HttpRequest, queryset: "QuerySet[Any]") -> HttpResponse | None:
        """The same for many people; the queryset holds only whom the actor reaches."""
        return self.links_action(request, queryset, ACTIVATION)

    def activate_account_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for the reason, then makes the account active. GET only asks."""
        if not self.has_activate_permission(request):
            raise PermissionDenied
        user = self.person(request, object_id)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            self._activate(request, user, form.cleaned_data["reason"])
            return lead_back(request, url_of(self, "change", quote(user.pk)))
        return asking(
            self,
            request,
            form,
            "act.html",
            title=_("Activate the account?"),
            back_url=url_of(self, "change", quote(user.pk)),
            facts=[(_("Account"), Viewer.of(request).name(user))],
            consequences=[
                _("The person can sign in again, with the password that the account has, if it has one."),
                _("From then on the person gets mail again."),
                _("A link to choose the first password is sent at once.")
                if conf.ACTIVATE_NEW_USERS and resets.waits_to_join(user)
                else _("Nothing is sent by this alone."),
            ],
            submit=_("Activate account"),
        )

    def activation_tools(self, request: HttpRequest, user: AbstractBaseUser) -> Iterable[dict[str, str]]:
        """The buttons, where they would do something."""
        if not self.has_activate_permission(request):
            return
        if not user.is_active:
            yield {"url": url_of(self, "activate_account", quote(user.pk)), "label": _("Activate account")}
        elif not accounts.has_joined(user):
            yield {"url": url_of(self, "send_activation_link", quote(user.pk)), "label": _("Send activation link")}

    def _activate(self, request: HttpRequest, user: AbstractBaseUser, reason: str) -> None:
        viewer = Viewer.of(request)
        try:
            done = resets.activate_account(user, actor=actor_of(request), reason=reason)
        except NotAllowed as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return
        if not done:
            self.message_user(request, _("Nothing was done: the account is active."), messages.WARNING)
            return
        self.log_change(request, user, _("Activated the account."))
        said = _("The account of %(name)s is active. Send a link, if the person needs one.")
        self.message_user(request, format_html("{}", said % {"name": viewer.name(user)}), messages.SUCCESS)
