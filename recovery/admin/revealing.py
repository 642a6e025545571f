"""The addresses of one row in full, for staff who see them masked: on record, with a reason, and on one page alone."""

from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext

from recovery import accounts, audit
from recovery.admin.acts import asking, url_of
from recovery.admin.readonly import ReadOnlyAdmin
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer
from recovery.models import Email, ResetRequest
from recovery.reasons import Action

RIGHT: Final = "recovery.reveal_addresses"


class RevealMixin(ReadOnlyAdmin):
    """For a list whose rows hold addresses: a button on a row's page, where the viewer sees masks."""

    def hidden_in(self, row: Any) -> list[tuple[str, str]]:
        """Each address of the row with its name."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.reveal_view)
        return [path("<uuid:key>/reveal/", view, name=f"recovery_{self.opts.model_name}_reveal"), *super().get_urls()]

    def has_reveal_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.has_perm(RIGHT))

    def tools_of(self, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
        tools = super().tools_of(request, row)
        if Viewer.of(request).sees_addresses or not self.has_reveal_permission(request):
            return tools
        return [*tools, {"url": url_of(self, "reveal", row.pk), "label": gettext("Reveal addresses")}]

    def reveal_view(self, request: HttpRequest, key: Any) -> HttpResponse:
        """Asks why; the answer to the post shows them. They are in no URL, session or message, and gone once left."""
        if not (self.has_reveal_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        row = self.get_object(request, str(key))
        if row is None:
            raise Http404
        form = ReasonForm(request.POST if request.method == "POST" else None)
        facts: list[tuple[str, str]] = []
        if is_told := form.is_valid():
            actor = accounts.key_of(actor_of(request))
            audit.record(Action.ADDRESS_REVEALED, actor_key=actor, reason=form.cleaned_data["reason"], **_about(row))
            facts = [(name, text) for name, text in self.hidden_in(row) if text]
        told = gettext("They are shown once, to you. That you looked stands in the trail.")
        answer = asking(
            self,
            request,
            form,
            "reveal.html",
            title=gettext("Addresses in full") if is_told else gettext("Reveal the addresses?"),
            back_url=url_of(self, "change", row.pk),
            facts=facts,
            consequences=[] if is_told else [told],
            submit=gettext("Reveal addresses"),
            is_told=is_told,
        )
        answer["Cache-Control"] = "no-store"
        return answer


def _about(row: Email | ResetRequest) -> dict[str, Any]:
    """Which row it was, and whose."""
    if isinstance(row, Email):
        return {"user_key": row.user_key, "request": row.request, "email": row}
    return {"user_key": row.user_key, "request": row}
