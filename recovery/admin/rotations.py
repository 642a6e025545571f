"""Forced rotations: who started which and why, how far everybody is, and what staff may still do about it."""

from collections.abc import Iterable
from typing import Any, Final, cast
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from recovery import agents, resets
from recovery.admin import moments
from recovery.admin.acts import asking, url_of
from recovery.admin.columns import Columns
from recovery.admin.exports import ExportMixin
from recovery.admin.finding import uuid_in
from recovery.admin.forcing import RIGHT
from recovery.admin.readonly import MOST_FOUND, MomentFilter
from recovery.admin.rotation_members import described
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer
from recovery.conf import conf
from recovery.exceptions import NotAllowed
from recovery.models import Rotation, RotationMember
from recovery.reasons import UNFINISHED, RotationStage

MOST_REACHED: Final = 100
RENEW, STOP = "renew", "stop"
ACTS: Final = {RENEW: resets.renew_links, STOP: resets.stop_rotation}
STAGES: Final = {RENEW: RotationStage.STUCK, STOP: RotationStage.WAITING}
TITLES: Final = {RENEW: _("Send fresh links?"), STOP: _("Stop what has not begun?")}
BUTTONS: Final = {RENEW: _("Send fresh links"), STOP: _("Stop")}
CONSEQUENCES: Final = {
    RENEW: _(
        "Whoever is stuck gets a new mail with a new link, at the same pace. Mend first what keeps them from it: an "
        "address that is suppressed or wrong gets no mail this time either. Passwords are not touched again."
    ),
    STOP: _(
        "Their passwords stay good, and they get no mail. Whose access has ended already gets the link all the same. "
        "To go on with them later, start a new rotation."
    ),
}


class RotationColumns(Columns):
    """What a row shows of a forced rotation."""

    @admin.display(description=_("started"), ordering="pk")
    def started_at(self, row: Rotation) -> Any:
        return moments.shown(row.started_at)

    @admin.display(description=_("accounts"))
    def people(self, row: Rotation) -> int:
        return row.member_count

    @admin.display(description=_("progress"))
    def progress(self, row: Any) -> Any:
        mood, word = ("open", gettext("at work")) if row.left else ("good", gettext("all begun"))
        begun = gettext("%(begun)d of %(all)d") % {"begun": row.member_count - (row.left or 0), "all": row.member_count}
        return format_html(
            '<span class="recovery-word recovery-{}">{}</span> <span class="quiet">{}</span>', mood, word, begun
        )

    @admin.display(description=_("started from"))
    def source(self, row: Rotation) -> str:
        return row.get_source_display()

    @admin.display(description=_("started by"))
    def actor(self, row: Rotation) -> Any:
        return self.person(row.actor_key)

    @admin.display(description=_("reason given"))
    def reason(self, row: Rotation) -> str:
        return self.viewer.text(row.reason) or "–"

    @admin.display(description=_("what is known"))
    def evidence(self, row: Rotation) -> str:
        return self.viewer.text(row.evidence) or "–"

    @admin.display(description=_("support case"))
    def case_link(self, row: Rotation) -> Any:
        if row.case is None:
            return "–"
        return self.page("supportcase", row.case.pk, gettext("closed") if row.case.closed_at else gettext("open"))

    @admin.display(description=_("finished"))
    def finished_at(self, row: Rotation) -> Any:
        return moments.shown(row.finished_at)


class RotationAdmin(ExportMixin):
    """List and page of forced rotations. Where staff reach only some people, one is shown to whoever started it, and
    else to whoever reaches the first hundred of its people."""

    columns = RotationColumns
    listed = ("started_at", "people", "progress", "source", "actor", "reason")
    further = ("evidence", "case_link", "finished_at")
    list_filter = ("source", ("started_at", MomentFilter))
    list_select_related = ("case",)
    ordering = ("-pk",)
    search_help_text = _("Id of the rotation, or account key of somebody in it.")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        unfinished = RotationMember.objects.filter(rotation=OuterRef("pk"), step__in=UNFINISHED).order_by()
        left = unfinished.values("rotation").annotate(count=Count("pk")).values("count")
        rows: Any = super().get_queryset(request)
        return cast("QuerySet[Any]", rows.annotate(left=Subquery(left)))

    def accounts_of(self, row: Rotation) -> Iterable[str]:
        if not agents.is_limited():
            return []
        return row.members.order_by("id").values_list("user_key", flat=True)[:MOST_REACHED]

    def staff_of(self, row: Rotation) -> Iterable[str]:
        return [row.actor_key]

    def found(self, term: str, viewer: Viewer) -> Iterable[Any]:
        own = uuid_in(term)
        with_them = RotationMember.objects.filter(user_key=term).order_by("-id")
        return [*([own] if own else []), *with_them.values_list("rotation_id", flat=True)[:MOST_FOUND]]

    def get_urls(self) -> list[URLPattern]:
        act = self.admin_site.admin_view(self.act_view)
        return [path("<uuid:key>/act/<str:act>/", act, name="recovery_rotation_act"), *super().get_urls()]

    def story_of(self, row: Rotation, viewer: Viewer) -> dict[str, Any]:
        counts = row.members.counts()
        stages = [self._stage(row, stage, counts, viewer) for stage in RotationStage]
        waiting = counts.get((RotationStage.WAITING, ""), 0)
        return {
            "stages": [stage for stage in stages if stage["count"] or stage["is_step"]],
            "total": row.member_count,
            "read_at": moments.shown(timezone.now()),
            "left": moments.length(60 * waiting / conf.ROTATION_PACE) if waiting else "",
        }

    def _stage(
        self, row: Rotation, stage: RotationStage, counts: dict[tuple[str, str], int], viewer: Viewer
    ) -> dict[str, Any]:
        whys = {why: count for (at, why), count in sorted(counts.items()) if at == stage and why}
        count = sum(count for (at, _why), count in counts.items() if at == stage)
        return {
            "word": stage.value.replace("_", " "),
            "label": stage.label,
            "count": count,
            "url": self._members_url(row, stage.value, viewer) if count else "",
            "is_step": stage not in (RotationStage.STOPPED, RotationStage.NOT_MAILED),
            "is_short": stage in (RotationStage.STUCK, RotationStage.NOT_MAILED),
            "whys": [
                {
                    "label": described(stage, why),
                    "count": number,
                    "url": self._members_url(row, f"{stage}.{why}", viewer),
                }
                for why, number in whys.items()
            ],
        }

    def _members_url(self, row: Rotation, place: str, viewer: Viewer) -> str:
        if not viewer.may_view("rotationmember"):
            return ""
        try:
            url = reverse("admin:recovery_rotationmember_changelist", current_app=self.admin_site.name)
        except NoReverseMatch:  # this admin site shows only some of our models
            return ""
        return f"{url}?{urlencode({'rotation': str(row.pk), 'at': place})}"

    def has_act_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(RIGHT))

    def tools_of(self, request: HttpRequest, row: Rotation) -> list[dict[str, Any]]:
        if not self.has_act_permission(request):
            return []
        stages = {stage for stage, _why in row.members.counts()}
        return [
            {"url": url_of(self, "act", row.pk, act), "label": BUTTONS[act]} for act in ACTS if STAGES[act] in stages
        ]

    def act_view(self, request: HttpRequest, key: UUID, act: str) -> HttpResponse:
        """Says what follows and asks for the reason, then does it. GET only asks."""
        if not (self.has_act_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        rotation = self.get_object(request, str(key))
        if rotation is None or act not in ACTS:
            raise Http404
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            self._act(request, rotation, act, form.cleaned_data["reason"])
            return HttpResponseRedirect(url_of(self, "change", rotation.pk))
        count = sum(count for (stage, _why), count in rotation.members.counts().items() if stage == STAGES[act])
        return asking(
            self,
            request,
            form,
            "act.html",
            title=TITLES[act],
            back_url=url_of(self, "change", rotation.pk),
            facts=[(STAGES[act].label, ngettext("%(count)d person", "%(count)d people", count) % {"count": count})],
            consequences=[CONSEQUENCES[act]],
            submit=BUTTONS[act],
        )

    def _act(self, request: HttpRequest, rotation: Rotation, act: str, reason: str) -> None:
        try:
            count = ACTS[act](rotation, actor=actor_of(request), reason=reason)
        except NotAllowed as refusal:
            self.message_user(request, gettext("Nothing was started. %s") % refusal, messages.ERROR)
            return
        done = {
            RENEW: ngettext(
                "A fresh link is on its way to %(count)d person.",
                "Fresh links are on their way to %(count)d people.",
                count,
            ),
            STOP: ngettext("%(count)d person is left alone.", "%(count)d people are left alone.", count),
        }
        if count:
            self.message_user(request, done[act] % {"count": count}, messages.SUCCESS)
        else:
            self.message_user(request, gettext("Nothing was done: there is nobody left."), messages.WARNING)
