"""What the pages of our rows have in common: they are read, filtered and searched, and nothing is edited.

Made for a million rows: no full counts, no facets, search and order by index alone. Parameters of the URL
other than those of the filters are refused: ``?recipient__startswith=a`` would tell a viewer of masked
addresses what stands behind the mask, letter by letter.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.exceptions import BadRequest, FieldDoesNotExist
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_datetime
from django.utils.functional import cached_property
from django.utils.module_loading import import_string
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from recovery.admin import status, ways
from recovery.admin.columns import Columns
from recovery.admin.viewers import Viewer
from recovery.conf import conf
from recovery.models.primary import SKEW, key_at

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = import_string(conf.ADMIN_BASE)

MOST_FOUND = 1000  # rows that a search shows: the newest ones


def refuse_nul(request: HttpRequest) -> None:
    """PostgreSQL answers a filter with such a character with an error."""
    if any("\0" in value for values in request.GET.lists() for value in values[1]):
        raise BadRequest


class LookaheadPaginator(Paginator):  # type: ignore[type-arg]
    """Counts only as far as the page list shows: ten pages past the one asked for."""

    ceiling = 0

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by()[: self.ceiling].count()

    @property
    def is_cut_off(self) -> bool:
        """Whether there are more rows than were counted."""
        return self.count >= self.ceiling


class ReachChangeList(ChangeList):
    """Fetches the people of a page at once and leaves out what the viewer does not reach."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        pages, rows = cast("ReadOnlyAdmin", self.model_admin), list(self.result_list)
        self.result_list = pages.reached(rows, Viewer.of(request))
        # A number of rows that are not shown would tell of somebody out of scope, whose address was searched for.
        is_of_one = bool(self.query) or AccountFilter.parameter_name in request.GET
        if not self.multi_page or (is_of_one and not self.result_list):
            self.result_count, self.multi_page = len(self.result_list), False
        # Without a full count there is nothing that "of so many" could say; the pager tells what was counted.
        self.full_result_count = self.result_count


class AccountFilter(admin.SimpleListFilter):
    """Rows of one account, reached from that person's page; offers nothing by itself."""

    title = _("account")
    parameter_name = "user_key"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        key = request.GET.get(self.parameter_name, "")
        if not key:
            return []
        viewer = Viewer.of(request)
        user = viewer.person(key)
        return [(key, viewer.name(user) if user else key)]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        pages = cast(ReadOnlyAdmin, self.model_admin)
        return pages.of_account(queryset, str(self.value())) if self.value() else queryset

    def __init__(self, request: HttpRequest, params: Any, model: type[Model], model_admin: Any) -> None:
        self.model_admin = model_admin
        super().__init__(request, params, model, model_admin)


class ActorFilter(AccountFilter):
    """Rows of what one member of staff did, reached from a row of theirs; offers nothing by itself."""

    title = _("who acted")
    parameter_name = "actor_key"

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(actor_key=self.value()) if self.value() else queryset


class MomentFilter(admin.DateFieldListFilter):
    """Django's filter by date, for the moment at which rows are made: their keys bear it, which needs no index."""

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        found = cast("QuerySet[Any]", super().queryset(request, queryset))
        if since := self._moment(self.lookup_kwarg_since):
            found = found.filter(pk__gte=key_at(since - SKEW))
        if until := self._moment(self.lookup_kwarg_until):
            found = found.filter(pk__lt=key_at(until + SKEW))
        return found

    def _moment(self, name: str) -> datetime | None:
        return parse_datetime(str(self.date_params.get(name, "")))


class NothingEdited(Base):
    """Pages on which nothing is added, changed or deleted: what staff may do has acts of its own."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(NothingEdited):
    """Pages of one of our models. Subclasses say what a row shows, which accounts it concerns and how it is found."""

    columns: ClassVar[type[Columns]]
    listed: ClassVar[tuple[str, ...]]
    """Columns of the list, by name; a row's own page shows them first."""
    further: ClassVar[tuple[str, ...]] = ()
    """Columns of a row's own page alone."""
    as_stored: ClassVar[tuple[str, ...]] = ()
    """Fields that a row's own page shows last, as they are."""
    actions: Any = None
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = LookaheadPaginator
    # Where unfold has room for a list's buttons; Django's own admin knows no such name.
    list_before_template = "admin/recovery/tools.html"
    # The box is there where there is any; what it does stands in ``found``.
    search_fields: ClassVar[tuple[str, ...]] = ("pk",)

    class Media:
        css = {"all": ["recovery/admin.css"]}

    def columns_for(self, request: HttpRequest) -> Any:
        return self.columns(Viewer.of(request), self.admin_site.name)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return list(self.columns_for(request).named(self.listed))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [*self.columns_for(request).named((*self.listed, *self.further)), *self.as_stored]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.get_fields(request, obj)

    def accounts_of(self, row: Any) -> Iterable[str]:
        """Keys of the accounts that a row concerns."""
        return [row.user_key]

    def staff_of(self, row: Any) -> Iterable[str]:
        """Keys of the staff whose names a row shows."""
        return []

    def reached(self, rows: list[Any], viewer: Viewer) -> list[Any]:
        """Those of some rows that the viewer reaches, with the people of all of them looked up at once."""
        viewer.look_up(key for row in rows for key in (*self.accounts_of(row), *self.staff_of(row)))
        return [row for row in rows if self.is_reached(row, viewer)]

    def is_reached(self, row: Any, viewer: Viewer) -> bool:
        """What concerns no account here belongs to all, as a route does; a list of what people typed says otherwise."""
        keys = {key for key in self.accounts_of(row) if key}
        return not keys or viewer.reaches(keys, audience=getattr(row, "audience", ""))

    def of_account(self, rows: "QuerySet[Any]", key: str) -> "QuerySet[Any]":
        return rows.filter(user_key=key)

    def found(self, term: str, viewer: Viewer) -> "Iterable[Any]":
        """Keys of the rows that a search means, newest first, each by an index; at most MOST_FOUND are used."""
        raise NotImplementedError

    def story_of(self, row: Any, viewer: Viewer) -> dict[str, Any]:
        """What the template of a row's own page shows below its facts."""
        return {}

    def tools_of(self, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
        """Buttons of a row's own page, each with ``url`` and ``label``."""
        return []

    def diagnosis_of(self, row: Any, viewer: Viewer) -> list[dict[str, Any]]:
        """The button to why this row is what it is; that of its person, unless the row has a diagnosis of its own."""
        keys = [key for key in self.accounts_of(row) if key]
        return ways.to_diagnosis("person", quote(keys[0]), viewer, self.admin_site.name) if len(keys) == 1 else []

    def list_tools(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Buttons of the list, with ``is_post`` where a click already acts."""
        return []

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = context.get("original")
        context["recovery_status"] = status.lines(request, self.admin_site.name)
        if row is not None:
            viewer = Viewer.of(request)
            people = ways.to_people(self.accounts_of(row), viewer, self.admin_site.name)
            context["recovery_tools"] = [*self.tools_of(request, row), *self.diagnosis_of(row, viewer), *people]
            context.update(self.story_of(row, viewer))
        return super().render_change_form(request, context, *args, **kwargs)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row, or None, which the admin answers as for a row that does not exist."""
        row = super().get_object(request, object_id, from_field)
        return row if row is not None and self.is_reached(row, Viewer.of(request)) else None

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ReachChangeList

    def get_paginator(self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any) -> Any:
        paginator: Any = super().get_paginator(request, queryset, per_page, *args, **kwargs)
        page = request.GET.get(PAGE_VAR, "")
        paginator.ceiling = ((int(page) if page.isdecimal() else 1) + 10) * per_page + 1
        return paginator

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> "tuple[QuerySet[Any], bool]":
        term = search_term.strip()
        if not term or not self.search_fields:
            return queryset, False
        # Keys, not a subquery: what an index finds stays small, whatever the planner thinks of the order.
        return queryset.filter(pk__in=set(self.found(term, Viewer.of(request)))), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        try:
            self.opts.get_field(lookup.partition("__")[0])
        except FieldDoesNotExist:
            return True  # no field of ours: a filter's own parameter, or answered with the plain list
        return lookup in self.filter_parameters()

    def filter_parameters(self) -> set[str]:
        parameters = set()
        for entry in self.list_filter:
            if isinstance(entry, str):
                parameters.add(f"{entry}__exact")
            elif isinstance(entry, tuple):
                words = ("gte", "lt") if issubclass(entry[1], MomentFilter) else ("exact",)
                parameters |= {f"{entry[0]}__{word}" for word in words}
            else:
                parameters |= set(getattr(entry, "parameters", [getattr(entry, "parameter_name", "")]))
        return parameters

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        refuse_nul(request)
        facts = {
            "title": capfirst(str(self.opts.verbose_name_plural)),
            "recovery_status": status.lines(request, self.admin_site.name),
            "recovery_tools": self.list_tools(request),
        }
        return super().changelist_view(request, {**facts, **(extra_context or {})})
