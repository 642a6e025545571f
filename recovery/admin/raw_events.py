"""What providers posted, word for word, and what of it could not be read."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from recovery.admin import moments
from recovery.admin.columns import Columns
from recovery.admin.exports import ExportMixin
from recovery.models import RawEvent


class AsideFilter(admin.SimpleListFilter):
    """What was set aside."""

    title = _("set aside")
    parameter_name = "aside"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("set aside"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.exclude(error="") if self.value() else queryset


class RawEventColumns(Columns):
    """What a row shows of what was posted; every address in it is masked for those who may not see them."""

    @admin.display(description=_("received"))
    def received_at(self, row: RawEvent) -> Any:
        return moments.shown(row.recorded_at)

    @admin.display(description=_("provider"))
    def esp(self, row: RawEvent) -> str:
        return row.esp

    @admin.display(description=_("error"))
    def error(self, row: RawEvent) -> str:
        return self.viewer.text(row.error) or "–"

    @admin.display(description=_("what was posted"))
    def content(self, row: RawEvent) -> str:
        return self.viewer.text(row.content)


class RawEventAdmin(ExportMixin):
    """List and page of what providers posted."""

    columns = RawEventColumns
    listed = ("received_at", "esp", "error")
    further = ("content",)
    search_fields = ()
    list_filter = (AsideFilter,)
    ordering = ("-recorded_at", "-id")

    def accounts_of(self, row: RawEvent) -> Iterable[str]:
        return []
