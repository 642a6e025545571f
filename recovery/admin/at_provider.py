"""The provider's own list for the recipient of a mail: shown, lifted and looked at again."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext

from recovery import provider_lists
from recovery.addresses import normalise
from recovery.admin.acts import asking, lead_back, url_of
from recovery.admin.readonly import ReadOnlyAdmin
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.suppressions import told
from recovery.admin.viewers import Viewer
from recovery.models import Email


class AtProviderMixin(ReadOnlyAdmin):
    """For the admin of emails: a button that leads to the page which asks the provider."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.at_provider_view)
        return [path("<uuid:key>/at-provider/", view, name="recovery_email_at_provider"), *super().get_urls()]

    def has_at_provider_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("recovery.lift_suppression"))

    def tools_of(self, request: HttpRequest, row: Email) -> list[dict[str, Any]]:
        tools = super().tools_of(request, row)
        if not self.has_at_provider_permission(request):
            return tools
        return [*tools, {"url": url_of(self, "at_provider", row.pk), "label": gettext("Provider's list")}]

    def at_provider_view(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Shows what the providers hold against the recipient; POST with a reason lifts it there."""
        if not (self.has_at_provider_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        email = self.get_object(request, str(key))
        if email is None:
            raise Http404
        viewer, form = Viewer.of(request), ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            reason = form.cleaned_data["reason"]
            found = provider_lists.lift(normalise(email.recipient), actor=actor_of(request), reason=reason, email=email)
            for line in told(found, viewer):
                self.message_user(request, line, messages.INFO)
            return lead_back(request, url_of(self, "at_provider", email.pk))
        lines = told(provider_lists.show(normalise(email.recipient)), viewer)
        return asking(
            self,
            request,
            form,
            "act.html",
            title=gettext("What the provider holds against this address"),
            back_url=url_of(self, "change", email.pk),
            consequences=lines or [gettext("No route leads to a provider whose list can be asked.")],
            submit=gettext("Lift at the provider"),
            facts=[(gettext("Recipient"), viewer.address(email.recipient))],
        )
