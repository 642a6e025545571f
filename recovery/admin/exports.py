"""The lists as files: what this viewer's list finds, newest rows first, as CSV or as JSON Lines.

A file holds what the page shows: the same columns, filters and search, the same masks, nobody out of reach. It is made
a batch of rows at a time, in the order of keys, and never counted beforehand.
"""

import csv
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC
from html import unescape
from io import StringIO
from itertools import islice
from typing import Any, Final, NamedTuple

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, override

from recovery import accounts, audit
from recovery.admin.acts import url_of
from recovery.admin.readonly import ReadOnlyAdmin, refuse_nul
from recovery.admin.scope import actor_of
from recovery.admin.viewers import Viewer
from recovery.formulas import neutral
from recovery.reasons import Action

_MOMENT: Final = re.compile(r'<time datetime="([^"]*)".*?</time> <span class="quiet recovery-ago">.*?</span>')
_TAG: Final = re.compile(r"<[^>]*>")


class Format(NamedTuple):
    """How a file is written."""

    label: str
    content_type: str
    written: Callable[[list[str], list[list[str]], bool], str]
    """Some rows as text, given the columns' names, the rows, and whether the file begins with them."""


def plain(shown: Any) -> str:
    """A column's value without its markup: moments in UTC, nothing for the dash."""
    text = str(shown)
    if isinstance(shown, SafeString):  # what format_html made: whatever it was given is escaped, so tags are ours
        text = unescape(_TAG.sub("", _MOMENT.sub(r"\1", text)))
    return "" if text == "–" else text


def _csv(names: list[str], rows: list[list[str]], first: bool) -> str:
    out = StringIO()
    # Without the byte order mark, Excel reads the masks' dots and every umlaut in the code page of its computer.
    out.write("\ufeff" if first else "")
    csv.writer(out).writerows([names, *rows] if first else rows)
    return out.getvalue()


def _json_lines(names: list[str], rows: list[list[str]], first: bool) -> str:
    return "".join(f"{json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False)}\n" for row in rows)


FORMATS: Final = {
    "csv": Format("CSV", "text/csv; charset=utf-8", _csv),
    "jsonl": Format("JSON Lines", "application/jsonl; charset=utf-8", _json_lines),  # RFC 8259: no byte order mark
}


class ExportMixin(ReadOnlyAdmin):
    """For a list: a button for each format. Posting it needs no more than the right to see the list."""

    most_exported = 50_000
    """Rows of a file; a file of so many is cut off, and a filter gives the rest."""
    exported_at_once = 500

    def get_urls(self) -> list[URLPattern]:
        export = self.admin_site.admin_view(self.export_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/<str:form>/", export, name=name), *super().get_urls()]

    def list_tools(self, request: HttpRequest) -> list[dict[str, Any]]:
        query = urlencode({name: request.GET.getlist(name) for name in self._narrowed_by(request)}, doseq=True)
        title = gettext("Export this list, newest rows first, at most %(count)d") % {"count": self.most_exported}
        files = [
            {"url": f"{url_of(self, 'export', form)}?{query}", "label": made.label, "title": title, "is_post": True}
            for form, made in FORMATS.items()
        ]
        return [*super().list_tools(request), *files]

    def export_view(self, request: HttpRequest, form: str) -> HttpResponseBase:
        """Notes on the trail who takes what, then lets it go. By POST alone, since that note is written."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if form not in FORMATS:
            raise Http404
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        made, rows = FORMATS[form], self._rows(request)
        facts: dict[str, Any] = {
            "model": str(self.opts.model_name),
            "format": form,
            "filters": self._narrowed_by(request),
        }
        facts["actor_key"] = accounts.key_of(actor_of(request))
        audit.record(Action.EXPORTED, **facts)

        answer = StreamingHttpResponse(self._file(request, rows, made, get_language(), facts))
        answer["Content-Type"] = made.content_type
        name = f"{self.opts.model_name}-{timezone.now().astimezone(UTC):%Y%m%dT%H%M%SZ}.{form}"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        answer["X-Content-Type-Options"] = "nosniff"
        return answer

    def _narrowed_by(self, request: HttpRequest) -> list[str]:
        """Names of the filters, and of the search, that are in use. What is looked for may be an address."""
        return sorted({SEARCH_VAR, *self.filter_parameters()} & request.GET.keys())

    def _rows(self, request: HttpRequest) -> "QuerySet[Any]":
        refuse_nul(request)
        try:
            found: QuerySet[Any] = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters as wrong:
            raise BadRequest from wrong
        return found.order_by("-pk")

    def _file(
        self, request: HttpRequest, rows: "QuerySet[Any]", made: Format, language: str | None, facts: dict[str, Any]
    ) -> Iterator[str]:
        """Its parts. However it ends, that it ended and how many rows had left by then goes on the trail."""
        count, is_whole = 0, False
        names = ["key", *self.listed]
        try:
            if head := made.written(names, [], True):
                yield head
            shown = (row for batch in self._batches(rows) for row in self._cells(request, batch))
            left = islice(shown, self.most_exported)  # and no row is read beyond
            while cells := self._next_of(left, language):
                count += len(cells)
                yield made.written(names, cells, False)
            is_whole = True
        finally:
            audit.record(Action.EXPORT_ENDED, **facts, rows=count, sent_to_the_end=is_whole)

    def _next_of(self, rows: Iterator[list[str]], language: str | None) -> list[list[str]]:
        with override(language):  # what runs between two parts may speak another
            return list(islice(rows, self.exported_at_once))

    def _batches(self, rows: "QuerySet[Any]") -> Iterator[list[Any]]:
        batch = list(rows[: self.exported_at_once])
        while batch:
            yield batch
            batch = list(rows.filter(pk__lt=batch[-1].pk)[: self.exported_at_once])

    def _cells(self, request: HttpRequest, batch: list[Any]) -> list[list[str]]:
        viewer = Viewer(request.user)  # a new one each time: it remembers everybody that it looked up
        columns = self.columns(viewer, self.admin_site.name).named(self.listed)
        return [
            [str(row.pk), *(neutral(plain(column(row))) for column in columns)] for row in self.reached(batch, viewer)
        ]
