"""The rows behind a number of the dashboard: the link that opens them, and the filter that a list gets by it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from recovery import counting
from recovery.admin.viewers import Viewer
from recovery.counting import DIMENSIONS, Selection
from recovery.reasons import Figure

COUNTED: Final = "counted"
SINCE, UNTIL, AT = "counted_since", "counted_until", "counted_at"
OF: Final = {name: f"counted_{name}" for name in DIMENSIONS}


def url_of_list(figure: Figure, viewer: Viewer, site_name: str) -> str:
    """The list whose rows ``figure`` counts; "" where the viewer may not open it, or this admin site has none."""
    model = str(counting.model_of(figure)._meta.model_name)
    if not viewer.may_view(model):
        return ""
    try:
        return reverse(f"admin:recovery_{model}_changelist", current_app=site_name)
    except NoReverseMatch:
        return ""


def query_of(selection: Selection, at: datetime | None) -> str:
    """What narrows such a list to a selection, but for the figure itself; ``at``: by that moment's judgement, where
    time alone changes what a row is counted as."""
    moments = {SINCE: selection.since, UNTIL: selection.until, **({AT: at} if at else {})}
    told = {name: moment.astimezone(UTC).isoformat().replace("+00:00", "Z") for name, moment in moments.items()}
    return urlencode({**told, **{OF[name]: value for name, value in selection.chosen.items()}})


class CountedFilter(admin.ListFilter):
    """Narrows a list to what was counted; offers nothing by itself."""

    title = _("counted on the dashboard")
    parameters: ClassVar = (COUNTED, SINCE, UNTIL, AT, *OF.values())

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        given = {name: params.pop(name)[-1] for name in self.parameters if name in params}
        self.figure: Figure | None = None
        self.selection: Selection | None = None
        self.at: datetime | None = None
        if given:
            self.figure, self.selection, self.at = _read(given, model)
            _refuse_to_tell(self.selection, Viewer.of(request))

    def expected_parameters(self) -> list[str | None]:
        return list(self.parameters)

    def has_output(self) -> bool:
        return self.figure is not None

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        yield {
            "selected": False,
            "query_string": changelist.get_query_string(remove=self.parameters),
            "display": gettext("All"),
        }
        yield {"selected": True, "query_string": changelist.get_query_string(), "display": self._said()}

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if self.figure is None or self.selection is None:
            return queryset
        return counting.rows(self.figure, self.selection, self.at or timezone.now(), queryset)

    def _said(self) -> str:
        assert self.figure is not None
        assert self.selection is not None
        since, until = (
            f"{timezone.localtime(moment):%Y-%m-%d %H:%M}" for moment in (self.selection.since, self.selection.until)
        )
        return " · ".join([str(self.figure.label), f"{since} – {until}", *self.selection.chosen.values()])


def _read(given: dict[str, str], model: type[Model]) -> tuple[Figure, Selection, datetime | None]:
    """Raises IncorrectLookupParameters for what no link of ours says."""
    since, until = (_moment(given.get(name, "")) for name in (SINCE, UNTIL))
    figure = given.get(COUNTED, "")
    if figure not in Figure.values or since is None or until is None:
        raise IncorrectLookupParameters
    if counting.model_of(Figure(figure)) is not model:
        raise IncorrectLookupParameters
    chosen = {name: given.get(parameter, "") for name, parameter in OF.items()}
    return Figure(figure), Selection(since=since, until=until, **chosen), _moment(given.get(AT, ""))


def _refuse_to_tell(selection: Selection, viewer: Viewer) -> None:
    """Whoever sees masked addresses alone must not learn by trying which domain stands behind a mask."""
    if selection.domain and not (viewer.sees_addresses or viewer.may_view("rollup")):
        raise IncorrectLookupParameters


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment is not None and timezone.is_aware(moment) and 1970 < moment.year < 9999 else None
