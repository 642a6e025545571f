"""Incidents: which failures belong together and how many people still need a link, and the one act that sends it."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from recovery import incidents, metrics
from recovery.admin import moments, repairs, status
from recovery.admin.acts import asking, url_of
from recovery.admin.incident_mails import cause_in_words, domain_in_words, mails_url, query_of, which_in
from recovery.admin.readonly import NothingEdited, refuse_nul
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer
from recovery.exceptions import NotAllowed
from recovery.incidents import Incident, Which
from recovery.models import RepairMember
from recovery.reasons import RepairStep

RIGHT: Final = "recovery.repair_incident"
WINDOWS: Final = {"24h": _("last 24 hours"), "7d": _("last 7 days"), "30d": _("last 30 days")}
FIRST: Final = "24h"


class WindowForm(forms.Form):
    """Of which time; the last day where it is not said."""

    window = forms.ChoiceField(label=_("Time"), choices=list(WINDOWS.items()), required=False)

    def since(self, now: Any) -> Any:
        self.is_valid()
        return metrics.parse(self.cleaned_data.get("window") or FIRST, now)


@dataclass(frozen=True, slots=True)
class Row:
    """One incident as the page shows it."""

    incident: Incident
    word: str
    rule: str
    meaning: str
    domain: str
    first_at: Any
    last_at: Any
    mails_url: str
    repair_url: str


class IncidentAdmin(NothingEdited):
    """One page in the place of a list: an incident is no row."""

    class Media:
        css = {"all": ["recovery/admin.css"]}

    def get_urls(self) -> list[URLPattern]:
        wrapped = self.admin_site.admin_view
        return [
            path("", wrapped(require_safe(self.incidents_view)), name="recovery_incident_changelist"),
            path("repair/", wrapped(self.repair_view), name="recovery_incident_repair"),
            path("stop/<uuid:key>/", wrapped(self.stop_view), name="recovery_incident_stop"),
        ]

    def incidents_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        refuse_nul(request)
        form, now = WindowForm({"window": FIRST, **request.GET.dict()}, auto_id="recovery-%s"), timezone.now()
        found = incidents.find(form.since(now), now, actor=actor_of(request))
        shown = found.incidents[: incidents.LONGEST_LIST]
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Incidents"),
            "opts": self.opts,
            "media": self.media,
            "form": form,
            "rows": [self._row(request, incident) for incident in shown],
            "more": len(found.incidents) - len(shown),
            "cut_at": moments.shown(found.since) if found.is_cut else "",
            "most": incidents.MOST,
            "fewest": incidents.FEWEST,
            "repairs": self._repairs(request, found.since),
            "recovery_status": status.lines(request, self.admin_site.name),
        }
        return TemplateResponse(request, "admin/recovery/incidents.html", context)

    def repair_view(self, request: HttpRequest) -> HttpResponse:
        """Says what follows, for exactly how many, and asks for the reason, then starts it. GET only asks."""
        self._check_may_act(request)
        which = which_in(request.GET.dict())
        if which is None:
            raise Http404
        people, back = incidents.needy(which, actor=actor_of(request)), url_of(self, "changelist")
        if not people:
            self.message_user(request, gettext("Nobody of them needs a link any more."), messages.WARNING)
            return HttpResponseRedirect(back)
        form = repairs.RepairForm(request.POST if request.method == "POST" else None, count=len(people))
        if form.is_valid():
            self._repair(request, which, form.cleaned_data["reason"])
            return HttpResponseRedirect(back)
        return asking(
            self,
            request,
            form,
            "repair_incident.html",
            title=gettext("Send fresh links?"),
            back_url=back,
            facts=[
                (gettext("Cause"), cause_in_words(which.cause)),
                (gettext("Recipient domain"), domain_in_words(which.domain)),
                (gettext("Route"), which.route or "–"),
                (gettext("Still need a link"), _people(len(people))),
            ],
            consequences=list(repairs.consequences(people)),
            submit=gettext("Send fresh links"),
        )

    def stop_view(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Says what follows and asks for the reason, then stops what has not begun. GET only asks."""
        self._check_may_act(request)
        repair, back = repairs.shown_to(actor_of(request)).filter(pk=key).first(), url_of(self, "changelist")
        if repair is None:
            raise Http404
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            stopped = incidents.stop(repair, actor=actor_of(request), reason=form.cleaned_data["reason"])
            said = ngettext("%(count)d person is left alone.", "%(count)d people are left alone.", stopped)
            self.message_user(request, said % {"count": stopped}, messages.SUCCESS if stopped else messages.WARNING)
            return HttpResponseRedirect(back)
        left = RepairMember.objects.filter(repair=repair, step=RepairStep.WAITING).count()
        return asking(
            self,
            request,
            form,
            "act.html",
            title=gettext("Stop what has not begun?"),
            back_url=back,
            facts=[(RepairStep.WAITING.label, _people(left))],
            consequences=[
                gettext(
                    "They get no mail by this repair. Links that were asked for already still leave. To go on with "
                    "them later, send fresh links again."
                )
            ],
            submit=gettext("Stop"),
        )

    def _repair(self, request: HttpRequest, which: Which, reason: str) -> None:
        try:
            repair = incidents.repair(which, actor=actor_of(request), reason=reason)
        except NotAllowed as refusal:
            self.message_user(request, gettext("Nothing was started. %s") % refusal, messages.ERROR)
            return
        if repair is None:
            self.message_user(request, gettext("Nothing was done: this is being done already."), messages.WARNING)
            return
        said = ngettext(
            "A fresh link is on its way to %(count)d person.",
            "Fresh links are on their way to %(count)d people.",
            repair.member_count,
        )
        self.message_user(request, said % {"count": repair.member_count}, messages.SUCCESS)

    def _check_may_act(self, request: HttpRequest) -> None:
        refuse_nul(request)
        if not (self.has_view_permission(request) and request.user.has_perm(RIGHT)):
            raise PermissionDenied

    def _row(self, request: HttpRequest, incident: Incident) -> Row:
        which, viewer = incident.which, Viewer.of(request)
        word, rule = incidents.word_and_rule(which.cause)
        may_repair = incident.needy and request.user.has_perm(RIGHT)
        return Row(
            incident=incident,
            word=word.replace("_", " "),
            rule=rule,
            meaning=cause_in_words(which.cause),
            domain=domain_in_words(which.domain),
            first_at=moments.shown(incident.first_at),
            last_at=moments.shown(incident.last_at),
            mails_url=mails_url(which, viewer, self.admin_site.name),
            repair_url=f"{url_of(self, 'repair')}?{query_of(which)}" if may_repair else "",
        )

    def _repairs(self, request: HttpRequest, since: Any) -> list[dict[str, Any]]:
        """Those of that time, and what goes on, with the way to stop it."""
        told, may_act = repairs.told(Viewer.of(request), since, self.admin_site.name), request.user.has_perm(RIGHT)
        for each in told:
            each["stop_url"] = url_of(self, "stop", each["key"]) if may_act and not each["is_over"] else ""
        return told


def _people(count: int) -> str:
    return ngettext("%(count)d person", "%(count)d people", count) % {"count": count}
