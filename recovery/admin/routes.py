"""Ways out for mail: which are in use, why one is not, and switching one off and on."""

from collections.abc import Iterable
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from recovery import routes
from recovery.admin import moments
from recovery.admin.acts import asking, lead_back, url_of
from recovery.admin.columns import Columns, worded
from recovery.admin.readonly import ReadOnlyAdmin
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.models import RouteState
from recovery.reasons import Circuit, EmailKind

OFF, ON = "off", "on"
# A circuit's own word, "closed", would read as the contrary.
WORDS: Final = {
    Circuit.CLOSED: ("good", _("in use")),
    Circuit.OPEN: ("bad", _("not in use")),
    Circuit.HALF_OPEN: ("open", _("on trial")),
}


class SwitchForm(ReasonForm):
    """Which way it is switched stands in the form, so that a second click does not switch it back."""

    to = forms.ChoiceField(choices=[(OFF, OFF), (ON, ON)], widget=forms.HiddenInput)


class RouteColumns(Columns):
    """What a row shows of a route."""

    @admin.display(description=_("route"))
    def name(self, row: RouteState) -> str:
        return row.name

    @admin.display(description=_("state"))
    def state(self, row: RouteState) -> Any:
        if routes.named(row.name) is None:
            mood, word, said = "open", gettext("not in the settings"), ""
        elif row.switched_off:
            mood, word, said = "bad", gettext("switched off"), self.viewer.text(row.switch_reason)
        else:
            mood, word = WORDS[Circuit(row.circuit)][0], str(WORDS[Circuit(row.circuit)][1])
            said = str(row.get_reason_display()) if row.reason else ""
        return worded(mood, word, said)

    @admin.display(description=_("takes"))
    def takes(self, row: RouteState) -> str:
        """Kinds of mail that the settings give it."""
        route = routes.named(row.name)
        if route is None:
            return "–"
        kinds = [label for kind, label in EmailKind.choices if kind in route.kinds]
        is_all = route.kinds >= frozenset(EmailKind.values) - {EmailKind.SITE}
        return gettext("all recovery mail and notices") if is_all else ", ".join(str(label) for label in kinds) or "–"

    @admin.display(description=_("next trial"))
    def probe_at(self, row: RouteState) -> Any:
        return moments.shown(None if row.switched_off else row.probe_at)

    @admin.display(description=_("last success"))
    def last_success_at(self, row: RouteState) -> Any:
        return moments.shown(row.last_success_at)

    @admin.display(description=_("last failure"))
    def last_failure_at(self, row: RouteState) -> Any:
        return moments.shown(row.last_failure_at)

    @admin.display(description=_("not in use since"))
    def opened_at(self, row: RouteState) -> Any:
        return moments.shown(None if row.circuit == Circuit.CLOSED else row.opened_at)

    @admin.display(description=_("detail"))
    def detail(self, row: RouteState) -> str:
        return self.viewer.text(row.detail) or "–"

    @admin.display(description=_("last switched"))
    def switched_at(self, row: RouteState) -> Any:
        return moments.shown(row.switched_at)

    @admin.display(description=_("switched by"))
    def switcher(self, row: RouteState) -> Any:
        return self.person(row.switched_by)

    @admin.display(description=_("reason given"))
    def switch_reason(self, row: RouteState) -> str:
        return self.viewer.text(row.switch_reason) or "–"


class RouteStateAdmin(ReadOnlyAdmin):
    """List and page of routes, in the order of the settings."""

    columns = RouteColumns
    listed = ("name", "state", "last_success_at", "last_failure_at", "probe_at")
    further = ("takes", "opened_at", "detail", "switched_at", "switcher", "switch_reason")
    as_stored = ("failure_count", "opening_count")
    search_fields = ()

    def accounts_of(self, row: RouteState) -> Iterable[str]:
        return []

    def staff_of(self, row: RouteState) -> Iterable[str]:
        return [row.switched_by]

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        places = [When(name=route.name, then=Value(route.position)) for route in routes.all_routes()]
        return [Case(*places, default=Value(len(places))), "name"]

    def get_urls(self) -> list[URLPattern]:
        switch = self.admin_site.admin_view(self.switch_view)
        return [path("<path:object_id>/switch/", switch, name="recovery_routestate_switch"), *super().get_urls()]

    def has_switch_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("recovery.switch_route"))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if self.has_view_permission(request):
            routes.register()  # a route that nobody has had trouble with has no row to show yet
        return super().changelist_view(request, extra_context)

    def tools_of(self, request: HttpRequest, row: RouteState) -> list[dict[str, Any]]:
        if not self.has_switch_permission(request):
            return []
        label = gettext("Switch on") if row.switched_off else gettext("Switch off")
        return [{"url": url_of(self, "switch", quote(row.pk)), "label": label}]

    def switch_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for the reason, then switches. GET only asks."""
        if not (self.has_switch_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        to = ON if row.switched_off else OFF
        form = SwitchForm(request.POST) if request.method == "POST" else SwitchForm(initial={"to": to})
        if not form.is_valid():
            return self._ask_why(request, row, form)
        if form.cleaned_data["to"] != to:
            said = gettext("Nothing was done: “%(route)s” is switched %(how)s already.")
            level = messages.WARNING
        else:
            routes.switch(row.name, on=to == ON, actor=actor_of(request), reason=form.cleaned_data["reason"])
            said = gettext("“%(route)s” is switched %(how)s.")
            level = messages.SUCCESS
        how = gettext("on") if form.cleaned_data["to"] == ON else gettext("off")
        self.message_user(request, said % {"route": row.name, "how": how}, level)
        return lead_back(request, url_of(self, "changelist"))

    def _ask_why(self, request: HttpRequest, row: RouteState, form: SwitchForm) -> HttpResponse:
        known = routes.states()
        others = [
            route.name
            for route in routes.all_routes()
            if route.name != row.name and not (route.name in known and known[route.name].switched_off)
        ]
        title = (
            gettext("Switch the route “%(route)s” on?")
            if row.switched_off
            else gettext("Switch the route “%(route)s” off?")
        )
        return asking(
            self,
            request,
            form,
            "switch_route.html",
            title=title % {"route": row.name},
            back_url=url_of(self, "changelist"),
            route=row,
            others=", ".join(others),
            submit=gettext("Switch on") if row.switched_off else gettext("Switch off"),
            facts=[(gettext("State"), self.columns_for(request).state(row))],
        )
