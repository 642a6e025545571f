"""Lockouts: whose sign-ins are refused, since and until when, why and from where, who ended it; and lifting them."""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from recovery import accounts, resets
from recovery.admin import moments
from recovery.admin.acts import asking, lead_back, url_of
from recovery.admin.columns import Columns, worded
from recovery.admin.exports import ExportMixin
from recovery.admin.readonly import MOST_FOUND, AccountFilter
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer
from recovery.models import Lockout
from recovery.origin import Origin
from recovery.reasons import LockKind, LockLift

RIGHT: Final = "recovery.unlock"
ACTION: Final = "lift_lockouts"
MOST_AT_ONCE: Final = 100
CONSEQUENCES: Final = {
    LockKind.ACCOUNT: _("Whoever knows the password can sign in again at once, and failures are counted from none."),
    LockKind.DEVICE: _("This browser can sign in again at once, and its failures are counted from none."),
    LockKind.SOURCE: _("Whoever is at this place can try to sign in again at once, with any name."),
    LockKind.STAFF: _("Staff locked it, for a reason that stands above. The person can sign in again at once."),
}


class StandingFilter(admin.SimpleListFilter):
    """Those that refuse sign-ins now, or those that are over."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("standing", _("locked now")), ("over", _("over"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        stands = Q(lifted_at=None) & (Q(until=None) | Q(until__gt=Now()))
        return {"standing": queryset.filter(stands), "over": queryset.exclude(stands)}.get(str(self.value()), queryset)


class LockoutColumns(Columns):
    """What a row shows of a lockout. Where somebody signs in from is shown to whoever may see addresses."""

    @admin.display(description=_("since"))
    def since(self, row: Lockout) -> Any:
        return moments.shown(row.since)

    @admin.display(description=_("state"))
    def state(self, row: Lockout) -> SafeString:
        word = ("bad", gettext("locked")) if row.stands else ("good", gettext("over"))
        return worded(*word, row.get_kind_display())

    @admin.display(description=_("account"))
    def account(self, row: Lockout) -> Any:
        return self.person(row.user_key) if row.user_key else gettext("no such account")

    @admin.display(description=_("until"))
    def until(self, row: Lockout) -> Any:
        if row.until is not None:
            return moments.shown(row.until)
        return gettext("until staff lift it") if row.kind == LockKind.STAFF else gettext("until a link sets a password")

    @admin.display(description=_("failures"))
    def failures(self, row: Lockout) -> str:
        return str(row.failure_count) if row.failure_count else "–"

    @admin.display(description=_("client address"))
    def ip(self, row: Lockout) -> str:
        if not row.ip:
            return "–"
        return row.ip if self.viewer.sees_addresses else gettext("hidden")

    @admin.display(description=_("client addresses"))
    def sources(self, row: Lockout) -> str:
        if not row.sources:
            return "–"
        if not self.viewer.sees_addresses:
            return gettext("hidden")
        most_first = sorted(row.sources.items(), key=lambda each: (-each[1], each[0]))
        return ", ".join(f"{source} ({count})" for source, count in most_first)

    @admin.display(description=_("locked by"))
    def locker(self, row: Lockout) -> Any:
        return self.person(row.actor_key)

    @admin.display(description=_("reason given"))
    def reason(self, row: Lockout) -> str:
        return self.viewer.text(row.reason) or "–"

    @admin.display(description=_("ended"))
    def ended_at(self, row: Lockout) -> Any:
        return moments.shown(row.ended_at)

    @admin.display(description=_("ended by"))
    def ended_by(self, row: Lockout) -> str:
        return str(LockLift(row.ended_by).label) if row.ended_by else "–"

    @admin.display(description=_("who lifted it"))
    def lifter(self, row: Lockout) -> Any:
        return self.person(row.lifter_key)

    @admin.display(description=_("why it was lifted"))
    def lift_reason(self, row: Lockout) -> str:
        return self.viewer.text(row.lift_reason) or "–"


class LockoutAdmin(ExportMixin):
    """List and page of lockouts."""

    columns = LockoutColumns
    listed = ("since", "state", "account", "until", "failures", "ip")
    further = ("sources", "locker", "reason", "ended_at", "ended_by", "lifter", "lift_reason")
    list_filter = (StandingFilter, "kind", AccountFilter)
    ordering = ("-id",)
    actions = (ACTION,)
    search_help_text = _("The whole user name or address of an account, its key, or a client address.")

    def is_reached(self, row: Lockout, viewer: Viewer) -> bool:
        """That of a place belongs to all; that of a name is also of a name that nobody has."""
        return row.kind == LockKind.SOURCE or viewer.reaches([row.user_key])

    def staff_of(self, row: Lockout) -> Iterable[str]:
        return [row.actor_key, row.lifter_key]

    def found(self, term: str, viewer: Viewer) -> Iterable[Any]:
        keys = {account.key for account in accounts.of_identifier(term)} | {term[:200]}
        wanted = Q(user_key__in=keys)
        if viewer.sees_addresses and _is_address(term):
            forms = {term, Origin(ip=term).ip}
            wanted |= Q(ip__in=forms) | Q(sources__has_any_keys=sorted(forms))
        return Lockout.objects.filter(wanted).order_by("-pk").values_list("pk", flat=True)[:MOST_FOUND]

    def get_urls(self) -> list[URLPattern]:
        lift = self.admin_site.admin_view(self.lift_view)
        return [path("<uuid:key>/lift/", lift, name="recovery_lockout_lift"), *super().get_urls()]

    def has_unlock_permission(self, request: HttpRequest) -> bool:
        """Asked by the admin for the list action, too."""
        return bool(request.user.is_active and request.user.has_perm(RIGHT))

    def tools_of(self, request: HttpRequest, row: Lockout) -> list[dict[str, Any]]:
        if not (self.has_unlock_permission(request) and row.stands):
            return []
        return [{"url": url_of(self, "lift", row.pk), "label": gettext("Unlock")}]

    def lift_view(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Asks for the reason, then lifts it. GET only asks."""
        if not (self.has_unlock_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        row = self.get_object(request, str(key))
        if row is None:
            raise Http404
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return ask_to_unlock(self, request, [row], form, back_url=url_of(self, "change", row.pk))
        lift_each(self, request, [row], form.cleaned_data["reason"])
        return lead_back(request, url_of(self, "change", row.pk))

    @admin.action(description=_("Unlock"), permissions=["unlock"])
    def lift_lockouts(self, request: HttpRequest, queryset: "QuerySet[Lockout]") -> HttpResponse | None:
        """The same for many, of those that the actor reaches."""
        rows = self.reached(list(queryset[: MOST_AT_ONCE + 1]), Viewer.of(request))
        if len(rows) > MOST_AT_ONCE:
            self.message_user(request, gettext("Choose %d lockouts at most.") % MOST_AT_ONCE, messages.ERROR)
            return None
        if not rows:
            raise Http404
        form = ReasonForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return ask_to_unlock(self, request, rows, form, back_url=url_of(self, "changelist"), action=ACTION)
        lift_each(self, request, rows, form.cleaned_data["reason"])
        return None


def lift_each(
    pages: "admin.ModelAdmin[Any]", request: HttpRequest, rows: Sequence[Lockout], reason: str
) -> list[Lockout]:
    """Lift them and say how many that were; those that the actor may not lift are named, and those that time or
    somebody else had ended are told apart. Returns those that were lifted."""
    done, viewer = resets.unlock(rows, actor=actor_of(request), reason=reason), Viewer.of(request)
    if count := len(done.lifted):
        said = ngettext("%(count)d lockout is lifted.", "%(count)d lockouts are lifted.", count) % {"count": count}
        pages.message_user(request, said, messages.SUCCESS)
    for row, why in done.refused:
        person = viewer.person(row.user_key)
        said = f"{viewer.name(person)}: {why}" if person else why
        pages.message_user(request, format_html("{}", said), messages.ERROR)
    if left := len(rows) - count - len(done.refused):
        said = ngettext("%(count)d was over already.", "%(count)d were over already.", left) % {"count": left}
        pages.message_user(request, said, messages.WARNING)
    return done.lifted


def ask_to_unlock(
    pages: "admin.ModelAdmin[Any]",
    request: HttpRequest,
    rows: Sequence[Lockout],
    form: ReasonForm,
    *,
    back_url: str,
    action: str = "",
    ticked: Sequence[Any] = (),
) -> HttpResponse:
    """The page that says what follows from lifting these, and asks why. ``ticked``: the keys of the list's rows that it
    posts again for a list action, if they are not those of the lockouts."""
    columns = LockoutColumns(Viewer.of(request), pages.admin_site.name)
    columns.viewer.look_up(row.user_key for row in rows)
    kinds = {LockKind(row.kind) for row in rows}
    return asking(
        pages,
        request,
        form,
        "unlock.html",
        title=ngettext("Lift this lockout?", "Lift %(count)d lockouts?", len(rows)) % {"count": len(rows)},
        back_url=back_url,
        consequences=[CONSEQUENCES[kind] for kind in LockKind if kind in kinds],
        submit=gettext("Unlock"),
        rows=[
            {name: getattr(columns, name)(row) for name in ("account", "state", "since", "until", "failures", "reason")}
            for row in rows
        ],
        action_name=action,
        checkbox_name=ACTION_CHECKBOX_NAME,
        ticked=ticked or [row.pk for row in rows],
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
