"""Access that ought to have ended with a password and has not: whose, of what kind, how often it was tried."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from recovery import revoking
from recovery.admin import moments
from recovery.admin.acts import asking, url_of
from recovery.admin.columns import Columns, worded
from recovery.admin.readonly import MOST_FOUND, AccountFilter, ReadOnlyAdmin
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer
from recovery.models import Revocation

RIGHT: Final = "recovery.force_rotation"


class GivenUpFilter(admin.SimpleListFilter):
    """Those that somebody must look at, or those that are still tried."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("given_up", _("given up")), ("waiting", _("is tried again"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if self.value() not in ("given_up", "waiting"):
            return queryset
        return queryset.filter(given_up_at__isnull=self.value() == "waiting")


class RevocationColumns(Columns):
    """What a row shows."""

    @admin.display(description=_("failed first"))
    def began_at(self, row: Revocation) -> Any:
        return moments.shown(row.began_at)

    @admin.display(description=_("state"))
    def state(self, row: Revocation) -> Any:
        if row.given_up_at:
            return worded("bad", gettext("given up"), gettext("whoever has such a token is still in"))
        return worded("open", gettext("failed"), gettext("is tried again"))

    @admin.display(description=_("account"))
    def account(self, row: Revocation) -> Any:
        return self.person(row.user_key)

    @admin.display(description=_("next try"))
    def next_try_at(self, row: Revocation) -> Any:
        return moments.shown(row.next_try_at)


class RevocationAdmin(ReadOnlyAdmin):
    """List and page; trying again."""

    columns = RevocationColumns
    listed = ("began_at", "state", "account", "next_try_at")
    as_stored = ("revoker", "attempt_count", "error")
    list_filter = (GivenUpFilter, AccountFilter)
    ordering = ("-pk",)
    search_help_text = _("Account key.")

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [*super().get_list_display(request), *self.as_stored]

    def found(self, term: str, viewer: Viewer) -> Iterable[Any]:
        return Revocation.objects.filter(user_key=term[:200]).values_list("pk", flat=True)[:MOST_FOUND]

    def get_urls(self) -> list[URLPattern]:
        again = self.admin_site.admin_view(self.again_view)
        return [path("<uuid:key>/again/", again, name="recovery_revocation_again"), *super().get_urls()]

    def tools_of(self, request: HttpRequest, row: Revocation) -> list[dict[str, Any]]:
        if not request.user.has_perm(RIGHT):
            return []
        return [{"url": url_of(self, "again", row.pk), "label": gettext("Try again")}]

    def again_view(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Asks for the reason, then lets it be tried. GET only asks."""
        if not (request.user.has_perm(RIGHT) and self.has_view_permission(request)):
            raise PermissionDenied
        row = self.get_object(request, str(key))
        if row is None:
            raise Http404
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return asking(
                self,
                request,
                form,
                "act.html",
                title=gettext("Try to end this access again?"),
                back_url=url_of(self, "change", row.pk),
                facts=[(gettext("Account"), self.columns_for(request).account(row)), (_("What"), row.revoker)],
                consequences=[
                    gettext("The next sweep tries it, and goes on for a day if it fails. Tokens of this kind that the"
                            " person has made since end, too.")
                ],
                submit=gettext("Try again"),
            )  # fmt: skip
        if revoking.try_again(row, actor=actor_of(request), reason=form.cleaned_data["reason"]):
            self.message_user(request, gettext("It is tried again within a minute."), messages.SUCCESS)
        else:
            self.message_user(request, gettext("Nothing was done: it has ended meanwhile."), messages.WARNING)
        return HttpResponseRedirect(url_of(self, "changelist"))
