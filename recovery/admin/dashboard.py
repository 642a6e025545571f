"""The dashboard: whether recovery works, in one sentence, and the numbers and rows behind it. Reads figures alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from recovery import audiences, link_lives, metrics, routes
from recovery.addresses import normalise
from recovery.admin import charts, moments, status, tiles
from recovery.admin.figures import Fraction, Links, count, duration
from recovery.admin.readonly import NothingEdited, refuse_nul
from recovery.admin.viewers import Viewer
from recovery.conf import conf
from recovery.metrics import Numbers, Selection, Trouble
from recovery.models import LinkLife
from recovery.models.roll_ups import OTHER
from recovery.reasons import Figure, Kind

WINDOWS: Final = {"24h": _("last 24 hours"), "7d": _("last 7 days"), "30d": _("last 30 days"), "90d": _("last 90 days")}
FIRST: Final = "24h"


class SelectionForm(forms.Form):
    """Which figures are shown; what cannot be is left out, and said."""

    window = forms.ChoiceField(label=_("Time"), choices=list(WINDOWS.items()), required=False)
    audience = forms.ChoiceField(label=_("Audience"), required=False)
    route = forms.ChoiceField(label=_("Route"), required=False)
    kind = forms.ChoiceField(label=_("Kind of request"), required=False)
    domain = forms.CharField(label=_("Recipient domain"), required=False, max_length=254)

    def __init__(self, data: Mapping[str, Any], viewer: Viewer) -> None:
        super().__init__({"window": FIRST, **data}, auto_id="recovery-%s")
        self.doors = _doors(viewer)
        self.is_limited = viewer.doors is not None
        self._offer("audience", [(name, name) for name in self.doors], has_all=not self.is_limited)
        self._offer("route", [(route.name, route.name) for route in routes.all_routes()])
        self._offer("kind", list(Kind.choices))
        self.fields["domain"].widget.attrs.update(size=18, placeholder="example.org", spellcheck="false")

    def _offer(self, name: str, choices: Sequence[tuple[str, Any]], *, has_all: bool = True) -> None:
        """Where there is one alone, nobody needs to choose."""
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [*([("", gettext("all"))] if has_all else []), *choices]
        if len(choices) < 2:
            field.widget = field.hidden_widget()

    def clean_domain(self) -> str:
        return normalise(str(self.cleaned_data["domain"])).rpartition("@")[2]

    def selection(self, now: datetime) -> Selection:
        self.is_valid()
        chosen = {name: str(value) for name, value in self.cleaned_data.items() if value}
        since = metrics.parse(chosen.pop("window", FIRST), now)
        if self.is_limited:
            chosen.setdefault("audience", self.doors[0])
        return metrics.selection(since=since, until=now, **chosen)


@dataclass(frozen=True, slots=True)
class Row:
    """How one bar of a chart, one route or one domain did."""

    name: Any
    expected: SafeString
    arrived: Fraction
    not_arrived: SafeString
    no_news: SafeString
    p50: str
    p95: str


class RollUpAdmin(NothingEdited):
    """One page in the place of a list: rows of figures say nothing by themselves."""

    class Media:
        css = {"all": ["recovery/admin.css", "recovery/dashboard.css"]}

    def get_urls(self) -> list[URLPattern]:
        show = self.admin_site.admin_view(require_safe(self.dashboard_view))
        return [path("", show, name="recovery_rollup_changelist")]

    def dashboard_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        refuse_nul(request)
        viewer, site_name = Viewer.of(request), self.admin_site.name
        if not _doors(viewer):
            raise PermissionDenied
        form = SelectionForm(request.GET.dict(), viewer)
        selection = form.selection(timezone.now())
        request.current_app = site_name
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Dashboard"),
            "opts": self.opts,
            "media": self.media,
            "form": form,
            "recovery_status": status.lines(request, site_name, troubles=False),
            **_shown(selection, Links(selection, viewer, site_name, metrics.rolled_at())),
        }
        return TemplateResponse(request, "admin/recovery/dashboard.html", context)


def _shown(selection: Selection, links: Links) -> dict[str, Any]:
    hours, troubles = metrics.by_hour(selection), metrics.alarms(rolled=links.at)
    numbers, bars, links = metrics.in_all(hours), charts.slots(hours, selection), links.over(hours)
    return {
        "numbers": numbers,
        "rolled_at": moments.shown(links.at),
        "headline": tiles.headline(numbers, troubles, links.at),
        "troubles": [_told(trouble, links) for trouble in troubles],
        "tiles": tiles.tiles(numbers, links),
        "others": tiles.others(numbers, links),
        "tables": _tables(selection, links),
        "lives": _lives(_doors(links.viewer)),
        "in_other_domains": metrics.in_other_domains(selection),
        **_charts(numbers, bars),
        "bars": [_bar(each, links) for each in bars],
        "begins": gettext("From"),
    }


def _charts(numbers: Numbers, bars: list[charts.Slot]) -> dict[str, Any]:
    """Both charts, the texts beside them, and what they say to whoever does not see them."""
    target = conf.TARGETS["delivered_within"].total_seconds()
    mail, time = charts.mail_chart(bars), charts.time_chart(bars, target)
    said = gettext(
        "%(due)s mails due from %(begin)s to %(end)s: %(arrived)s arrived, %(failed)s failed or late, %(none)s without "
        "news"
    )
    took = gettext(
        "From %(begin)s to %(end)s half of the mail arrived within %(p50)s and 95 %% within %(p95)s; the target is "
        "%(target)s"
    )
    facts = {
        "begin": _moment(bars[0].begins), "end": _moment(bars[-1].ends), "due": count(numbers.expected),
        "arrived": count(numbers.counts["delivered"]), "failed": count(numbers.not_arrived),
        "none": count(numbers.counts["no_news"]), "p50": duration(numbers.percentile(0.5)),
        "p95": duration(numbers.percentile(0.95)), "target": duration(target),
    }  # fmt: skip
    is_short = bars[0].ends - bars[0].begins < timedelta(hours=6)
    shown = [bars[0].begins, bars[len(bars) // 2].begins, bars[-1].begins]
    return {
        "mail_chart": mail,
        "time_chart": time,
        "mail_ticks": [count(int(tick)) for tick in mail.ticks],
        "time_ticks": [duration(tick) for tick in time.ticks],
        "mail_summary": said % facts,
        "time_summary": took % facts,
        "moments": [date_format(each, "H:i" if is_short else "j M") for each in shown],
        "target": duration(target),
    }


def _moment(moment: datetime) -> str:
    local = timezone.localtime(moment)
    beside = f" ({moment.astimezone(UTC):%H:%M} UTC)" if local.utcoffset() else ""
    return f"{local:%Y-%m-%d %H:%M %Z}{beside}"


def _tables(selection: Selection, links: Links) -> list[dict[str, Any]]:
    """By each dimension of which more than one value may be found; each adds up to the numbers above."""
    titles = {"audience": _("By audience")} if conf.AUDIENCES else {}
    titles |= {"route": _("By route"), "domain": _("By recipient domain"), "kind": _("By kind of request")}
    firsts = {
        "audience": _("Audience"), "route": _("Route"), "domain": _("Recipient domain"), "kind": _("Kind of request"),
    }  # fmt: skip
    wanted = [name for name in titles if name not in selection.chosen]
    found: dict[str, dict[str, Numbers]] = {}
    for names in ([name for name in wanted if name != "domain"], [name for name in wanted if name == "domain"]):
        if names:
            found |= metrics.by_dimensions(names, selection, rolled=links.at)
    return [
        {
            "key": name,
            "title": titles[name],
            "first": firsts[name],
            "rows": [
                _row(_named(name, value), numbers, links.narrowed(**{name: value or OTHER}))
                for value, numbers in found[name].items()
            ],
        }
        for name in wanted
    ]


def _named(name: str, value: str) -> str:
    if value == OTHER:
        return gettext("other domains") if name == "domain" else gettext("others")
    if not value:
        return gettext("none")
    return str(Kind(value).label) if name == "kind" and value in Kind.values else value


def _row(name: Any, numbers: Numbers, links: Links) -> Row:
    return Row(
        name=name,
        expected=links.of(Figure.EXPECTED, numbers.expected),
        arrived=links.fraction(numbers.delivery_success),
        not_arrived=links.of(Figure.NOT_ARRIVED, numbers.not_arrived),
        no_news=links.of(Figure.NO_NEWS, numbers.counts["no_news"]),
        p50=duration(numbers.percentile(0.5)),
        p95=duration(numbers.percentile(0.95)),
    )


def _bar(bar: charts.Slot, links: Links) -> Row:
    """Rows are found by full hours, which a zone's midnight need not be."""
    exact = metrics.selection(since=bar.first_hour, until=bar.end_hour)
    return _row(_moment(bar.begins), bar.numbers, links.narrowed(since=exact.since, until=exact.until))


def _told(trouble: Trouble, links: Links) -> dict[str, Any]:
    url = ""
    if trouble.figure and trouble.selection:
        url = Links(trouble.selection, links.viewer, links.site_name, links.at).url(trouble.figure)
    return {
        "word": trouble.alarm.value,
        "what": trouble.alarm.label,
        "subject": trouble.subject,
        "detail": links.viewer.text(trouble.detail),
        "since": moments.shown(trouble.since) if trouble.since else "",
        "url": url,
    }


def _doors(viewer: Viewer) -> list[str]:
    """Those whose numbers the viewer may see."""
    return [name for name in audiences.names() if viewer.doors is None or name in viewer.doors]


def _lives(doors: Sequence[str]) -> list[dict[str, Any]]:
    """How long the links of each audience live, and why that long."""
    measured = {row.audience: row for row in LinkLife.objects.all()}
    return [
        {"audience": name, "life": duration(_life(name, measured.get(name))), "why": _why(name, measured.get(name))}
        for name in doors
    ]


def _life(audience: str, row: LinkLife | None) -> float:
    fixed = link_lives.fixed_lifetime(audience)
    return fixed.total_seconds() if fixed else float(row.seconds if row else link_lives.LONGEST.total_seconds())


def _why(audience: str, row: LinkLife | None) -> str:
    if link_lives.fixed_lifetime(audience) is not None:
        return gettext("set by the site (TOKEN_LIFETIME)")
    if row is None:
        return gettext("nothing was measured yet")
    counted = {"deliveries": row.delivery_count, "openings": row.opening_count, "least": link_lives.FEWEST}
    if min(row.delivery_count, row.opening_count) < link_lives.FEWEST:
        said = gettext(
            "%(deliveries)d deliveries and %(openings)d openings of the last 7 days; measured from %(least)d of each on"
        )
        return said % counted
    said = gettext(
        "twice what 95 %% of people needed: %(delivery)s until it arrived and %(opening)s until it was opened; between "
        "15 and 60 minutes; by %(deliveries)d deliveries and %(openings)d openings of the last 7 days"
    )
    return said % {**counted, "delivery": duration(row.delivery_p95), "opening": duration(row.opening_p95)}
