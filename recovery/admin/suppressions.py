"""Addresses that must not be mailed: why, since when and until when, here and at the provider; and lifting it."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from recovery import accounts, agents, provider_lists, suppressions
from recovery.addresses import normalise
from recovery.admin import moments
from recovery.admin.acts import asking, lead_back, url_of
from recovery.admin.columns import Columns
from recovery.admin.exports import ExportMixin
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer
from recovery.models import Email, Suppression
from recovery.provider_lists import Looked

MOST_MAILS: Final = 20  # the newest to an address: who else had it before says nothing of whose it is


class LiftForm(ReasonForm):
    """Where it is lifted, and why."""

    at_provider = forms.BooleanField(label=_("At the provider, too"), required=False, initial=True)


def is_live(row: Suppression) -> bool:
    return row.lifted_at is None and (row.until is None or row.until > timezone.now())


def told(found: Sequence[Looked], viewer: Viewer) -> list[str]:
    """One line for each thing that a provider holds against an address, or for its silence."""
    lines = []
    for looked in found:
        if looked.unknown:
            said = gettext("%(route)s: it could not be learned what is on its list (%(why)s). Try again later.")
            lines.append(said % {"route": looked.route, "why": viewer.text(looked.unknown)})
        for entry in looked.entries:
            said = gettext("%(route)s: on its list “%(list)s” (%(why)s).")
            if not entry.can_be_lifted:
                said = gettext("%(route)s: on its list “%(list)s” (%(why)s). It lets nobody lift this from here.")
            lines.append(said % {"route": looked.route, "list": entry.listed, "why": viewer.text(entry.why)})
        if not (looked.entries or looked.unknown):
            lines.append(gettext("%(route)s: nothing on its list.") % {"route": looked.route})
    return lines


def remaining(row: Suppression, columns: "SuppressionColumns") -> list[str]:
    """One line for each other suppression that stops mail to the same address now."""
    lines = []
    for other in suppressions.beside(row):
        said = gettext("Another suppression of this address holds for good: %(kind)s (%(why)s).")
        if other.until:
            said = gettext("Another suppression of this address holds until %(until)s: %(kind)s (%(why)s).")
        until = f"{timezone.localtime(other.until):%Y-%m-%d %H:%M %Z}" if other.until else ""
        lines.append(said % {"until": until, "kind": columns.kind(other), "why": other.get_reason_display()})
    return lines


class SuppressionColumns(Columns):
    """What a row shows of a suppression."""

    @admin.display(description=_("since"))
    def since(self, row: Suppression) -> Any:
        return moments.shown(row.since)

    @admin.display(description=_("address"))
    def address(self, row: Suppression) -> str:
        return self.viewer.address(row.address_key)

    @admin.display(description=_("state"))
    def state(self, row: Suppression) -> Any:
        mood, word = ("bad", gettext("not mailed")) if is_live(row) else ("good", gettext("over"))
        return format_html(
            '<span class="recovery-word recovery-{}">{}</span> <span class="quiet">{}</span>',
            mood,
            word,
            row.get_reason_display(),
        )

    @admin.display(description=_("concerns"))
    def kind(self, row: Suppression) -> str:
        return row.get_kind_display() if row.kind else gettext("all mail")

    @admin.display(description=_("until"))
    def until(self, row: Suppression) -> Any:
        return moments.shown(row.until) if row.until else gettext("for good")

    @admin.display(description=_("bounce"))
    def bounce(self, row: Suppression) -> Any:
        return self.page("bounce", row.bounce_key, gettext("what came back")) if row.bounce_key else "–"

    @admin.display(description=_("lifted"))
    def lifted_at(self, row: Suppression) -> Any:
        return moments.shown(row.lifted_at)

    @admin.display(description=_("lifted by"))
    def lift(self, row: Suppression) -> str:
        return row.get_lift_display() if row.lift else "–"

    @admin.display(description=_("who lifted it"))
    def lifter(self, row: Suppression) -> Any:
        return self.person(row.lifted_by)

    @admin.display(description=_("reason given"))
    def lift_reason(self, row: Suppression) -> str:
        return self.viewer.text(row.lift_reason) or "–"


class SuppressionAdmin(ExportMixin):
    """List and page of suppressed addresses."""

    columns = SuppressionColumns
    listed = ("since", "state", "address", "kind", "until")
    further = ("bounce", "lifted_at", "lift", "lifter", "lift_reason")
    as_stored = ("source",)
    list_filter = ("reason", "lift")
    ordering = ("-pk",)
    search_help_text = _("The whole address.")

    def accounts_of(self, row: Suppression) -> Iterable[str]:
        """Whose mail went there lately, and whose address it is: that matters where staff reach only some people."""
        if not agents.is_limited():
            return []
        emails = Email.objects.filter(recipient_key=row.address_key).order_by("-queued_at")[:MOST_MAILS]
        mailed = {key for email in emails for key in email.account_keys}
        return mailed | {account.key for account in accounts.of_identifier(row.address_key)}

    def is_reached(self, row: Suppression, viewer: Viewer) -> bool:
        return viewer.reaches(self.accounts_of(row))

    def staff_of(self, row: Suppression) -> Iterable[str]:
        return [row.lifted_by]

    def found(self, term: str, viewer: Viewer) -> Iterable[Any]:
        rows = Suppression.objects.filter(address_key=normalise(term)[:254])
        return rows.order_by("-since").values_list("pk", flat=True)[:100]

    def get_urls(self) -> list[URLPattern]:
        wrapped = self.admin_site.admin_view
        return [
            path("<uuid:key>/lift/", wrapped(self.lift_view), name="recovery_suppression_lift"),
            path("<uuid:key>/stop/", wrapped(self.stop_view), name="recovery_suppression_stop"),
            *super().get_urls(),
        ]

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("recovery.lift_suppression"))

    def tools_of(self, request: HttpRequest, row: Suppression) -> list[dict[str, Any]]:
        if not self.has_lift_permission(request):
            return []
        tools = [{"url": url_of(self, "lift", row.pk), "label": gettext("Lift")}]
        if suppressions.can_stop_again(row):
            tools.append({"url": url_of(self, "stop", row.pk), "label": gettext("Stop mail to this address")})
        return tools

    def _row(self, request: HttpRequest, key: UUID) -> Suppression:
        """That which may be lifted, or stopped again."""
        if not (self.has_lift_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        row: Suppression | None = self.get_object(request, str(key))
        if row is None:
            raise Http404
        return row

    def stop_view(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Says what follows and asks for the reason, then undoes what staff lifted. GET only asks."""
        row, columns = self._row(request, key), self.columns_for(request)
        back = url_of(self, "change", row.pk)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if not suppressions.can_stop_again(row):
            said = gettext("Nothing was done: there is no lift to undo, or mail to this address is stopped already.")
            self.message_user(request, said, messages.WARNING)
            return lead_back(request, back)
        if form.is_valid():
            if suppressions.stop_again(row, actor=actor_of(request), reason=form.cleaned_data["reason"]):
                self.message_user(request, gettext("The address is not mailed any more."), messages.SUCCESS)
            return lead_back(request, back)
        follows = gettext(
            "What was lifted stops mail again, until it would have ended. Links go to a backup address, or a case is "
            "opened. What the provider had on its list stays lifted."
        )
        return asking(
            self,
            request,
            form,
            "act.html",
            title=gettext("Stop mail to this address?"),
            back_url=back,
            consequences=[follows],
            submit=gettext("Stop mail to this address"),
            facts=[
                (gettext("Address"), columns.viewer.address(row.address_key)),
                (gettext("Concerns"), columns.kind(row)),
                (gettext("Until"), columns.until(row)),
            ],
        )

    def lift_view(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Shows what the providers hold against the address and asks for the reason, then lifts. GET only asks."""
        row = self._row(request, key)
        form = LiftForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._ask_why(request, row, form)
        reason = form.cleaned_data["reason"]
        lifted = suppressions.lift(row, actor=actor_of(request), reason=reason)
        others = remaining(row, self.columns_for(request))
        if not lifted:
            self.message_user(request, gettext("Nothing was done here: it was lifted already."), messages.WARNING)
        elif others:
            self.message_user(request, gettext("This suppression is lifted."), messages.SUCCESS)
        else:
            self.message_user(request, gettext("The address may be mailed again."), messages.SUCCESS)
        for line in others:
            self.message_user(request, line, messages.WARNING)
        if form.cleaned_data["at_provider"]:
            found = provider_lists.lift(row.address_key, actor=actor_of(request), reason=reason)
            for line in told(found, Viewer.of(request)):
                self.message_user(request, line, messages.INFO)
        return lead_back(request, url_of(self, "change", row.pk))

    def _ask_why(self, request: HttpRequest, row: Suppression, form: LiftForm) -> HttpResponse:
        columns, viewer = self.columns_for(request), Viewer.of(request)
        others = remaining(row, columns)
        freed = gettext("Mail that waits and new mail may go there at once. If it comes back, it is suppressed anew.")
        undo = gettext("It can be undone as long as it would have held: “Stop mail to this address” on its page.")
        return asking(
            self,
            request,
            form,
            "lift_suppression.html",
            title=gettext("Lift this suppression?") if others else gettext("Mail this address again?"),
            back_url=url_of(self, "change", row.pk),
            consequences=[*(others or [freed]), undo, *told(provider_lists.show(row.address_key), viewer)],
            submit=gettext("Lift"),
            facts=[
                (gettext("Address"), viewer.address(row.address_key)),
                (gettext("State"), columns.state(row)),
                (gettext("Until"), columns.until(row)),
            ],
        )
