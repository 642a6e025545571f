"""The accounts of forced rotations, one by one: where each is and why, behind the numbers of a rotation's page."""

from collections.abc import Iterable
from typing import Any, Final, cast
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from recovery.admin import moments
from recovery.admin.columns import Columns, worded
from recovery.admin.exports import ExportMixin
from recovery.admin.finding import uuid_in
from recovery.admin.readonly import MOST_FOUND, AccountFilter
from recovery.admin.viewers import Viewer
from recovery.models import Rotation, RotationMember
from recovery.reasons import Outcome, RotationSnag, RotationStage

_GOOD: Final = (RotationStage.TOLD, RotationStage.DELIVERED, RotationStage.OPENED, RotationStage.COMPLETED)
_BAD: Final = (RotationStage.STUCK, RotationStage.NOT_MAILED)


def described(stage: str, why: str) -> str:
    """Why an account is stuck, or was not mailed, in words."""
    words: Any = RotationSnag if stage == RotationStage.STUCK else Outcome
    return str(words(why).label)


class RotationFilter(admin.SimpleListFilter):
    """Those of one rotation, reached from its page; offers nothing by itself."""

    title = _("forced rotation")
    parameter_name = "rotation"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        key = request.GET.get(self.parameter_name, "")
        own = uuid_in(key)
        rotation = Rotation.objects.filter(pk=own).first() if own else None
        return [(key, str(rotation or key))] if key else []

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if not self.value():
            return queryset
        own = uuid_in(str(self.value()))
        return queryset.filter(rotation=own) if own else queryset.none()


class PlaceFilter(admin.SimpleListFilter):
    """Those at one stage of one rotation. Of all rotations together nobody needs it, and it would read all rows."""

    title = _("where it is")
    parameter_name = "at"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        if not request.GET.get(RotationFilter.parameter_name):
            return []
        chosen = request.GET.get(self.parameter_name, "")
        stage, _dot, why = chosen.partition(".")
        further = [(chosen, described(stage, why))] if chosen in _places() and why else []
        return [*RotationStage.choices, *further]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        place = str(self.value() or "")
        members: Any = queryset
        return cast("QuerySet[Any]", members.at(*place.split(".", 1)) if place in _places() else members)


def _places() -> set[str]:
    stuck = {f"{RotationStage.STUCK}.{why}" for why in RotationSnag.values}
    return {*RotationStage.values, *stuck, *(f"{RotationStage.NOT_MAILED}.{why}" for why in Outcome.values)}


class RotationMemberColumns(Columns):
    """What a row shows of one account."""

    @admin.display(description=_("account"))
    def account(self, row: RotationMember) -> Any:
        return self.person(row.user_key)

    @admin.display(description=_("state"))
    def state(self, row: Any) -> Any:
        stage, _dot, why = row.place.partition(".")
        mood = "good" if stage in _GOOD else "bad" if stage in _BAD else "open"
        meaning = described(stage, why) if why else RotationStage(stage).label
        return worded(mood, stage.replace("_", " "), meaning)

    @admin.display(description=_("access ended"))
    def rotated_at(self, row: RotationMember) -> Any:
        return moments.shown(row.rotated_at)

    @admin.display(description=_("request"))
    def request_link(self, row: RotationMember) -> Any:
        return self.page("resetrequest", row.request.pk, row.request.shown_reference) if row.request else "–"

    @admin.display(description=_("forced rotation"))
    def rotation_link(self, row: RotationMember) -> Any:
        return self.page("rotation", row.rotation_id, str(row.rotation))


class RotationMemberAdmin(ExportMixin):
    """List and page of the accounts."""

    columns = RotationMemberColumns
    listed = ("state", "account", "rotated_at", "request_link", "rotation_link")
    as_stored = ("attempt_count",)
    list_filter = (PlaceFilter, RotationFilter, AccountFilter)
    list_select_related = ("request", "rotation")
    ordering = ("-pk",)
    search_help_text = _("Account key.")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        members: Any = super().get_queryset(request)
        return cast("QuerySet[Any]", members.placed())

    def found(self, term: str, viewer: Viewer) -> Iterable[UUID]:
        return RotationMember.objects.filter(user_key=term).order_by("-id").values_list("pk", flat=True)[:MOST_FOUND]
