"""Numbers as the dashboard shows them: in words, each with what it counts and the list that it opens."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from recovery import metrics
from recovery.admin.counted import COUNTED, query_of, url_of_list
from recovery.admin.viewers import Viewer
from recovery.metrics import Numbers, Selection, Share
from recovery.models.roll_ups import COUNTS, OTHER
from recovery.reasons import Figure


@dataclass(frozen=True, slots=True)
class Fraction:
    """So much of so much, each linked to its rows. ``parts`` are the numerator."""

    percent: str
    parts: SafeString
    whole: SafeString


Span = tuple[datetime, datetime]


class Links:
    """Numbers of one selection, for one viewer. ``at``: when they were rolled up. ``spans``: where in the selection
    there is anything of a figure, so that what is rare is not looked for in a whole month."""

    def __init__(
        self,
        selection: Selection,
        viewer: Viewer,
        site_name: str,
        at: datetime | None,
        *,
        spans: Mapping[str, Span] | None = None,
        lists: dict[Figure, str] | None = None,
    ) -> None:
        self.selection, self.viewer, self.site_name, self.at = selection, viewer, site_name, at
        self.spans = spans or {}
        self.lists = {} if lists is None else lists
        self.query = query_of(selection, at)

    def narrowed(self, **chosen: Any) -> "Links":
        return Links(replace(self.selection, **chosen), self.viewer, self.site_name, self.at, lists=self.lists)

    def over(self, hours: Mapping[datetime, Numbers]) -> "Links":
        """The same, knowing what was counted in which hour."""
        spans = {}
        for name in COUNTS:
            if found := [hour for hour, numbers in hours.items() if numbers.counts[name]]:
                spans[name] = min(found), max(found) + metrics.HOUR
        return Links(self.selection, self.viewer, self.site_name, self.at, spans=spans, lists=self.lists)

    def of(self, figure: Figure, number: int) -> SafeString:
        """The number, which says what it counts, and opens it where there is a list that can show it: not of a nought,
        nor of all that is small together."""
        url = self.url(figure) if number and OTHER not in self.selection.chosen.values() else ""
        if not url:
            return format_html('<span title="{}">{}</span>', figure.label, count(number))
        return format_html('<a href="{}" title="{}">{}</a>', url, figure.label, count(number))

    def url(self, figure: Figure) -> str:
        if figure not in self.lists:
            self.lists[figure] = url_of_list(figure, self.viewer, self.site_name)
        start, query = self.lists[figure], self.query
        if figure.value in self.spans and figure != Figure.OPENED:  # that holds the completed, too
            since, until = self.spans[figure.value]
            query = query_of(replace(self.selection, since=since, until=until), self.at)
        return f"{start}?{COUNTED}={figure.value}&{query}" if start else ""

    def fraction(self, share: Share, *numbers: int) -> Fraction:
        """``numbers``: those that make up the numerator, where it is of several figures."""
        assert share.base is not None
        counts = numbers or (share.numerator,)
        parts = [(self.of(figure, number),) for figure, number in zip(share.of, counts, strict=True)]
        return Fraction(percent(share), format_html_join(" + ", "{}", parts), self.of(share.base, share.denominator))


def count(number: int) -> str:
    return number_format(number, use_l10n=True, force_grouping=True)


def percent(share: Share) -> str:
    return metrics.percent(share.numerator / share.denominator) if share.denominator else "–"


def duration(seconds: float | None) -> str:
    """Tenths below ten seconds, whole ones below a minute, then minutes and hours."""
    if seconds is None:
        return "–"
    if seconds < 60:
        tenths = 1 if seconds < 10 and round(seconds, 1) % 1 else 0
        return _("%(number)s s") % {"number": number_format(round(seconds, tenths), decimal_pos=tenths)}
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        hours, minutes = divmod(minutes, 60)
        said = _("%(hours)d h %(minutes)d min") if minutes else _("%(hours)d h")
        return said % {"hours": hours, "minutes": minutes}
    said = _("%(minutes)d min %(seconds)d s") if rest else _("%(minutes)d min")
    return said % {"minutes": minutes, "seconds": rest}
