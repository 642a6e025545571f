"""What keeps mail from leaving, said on every page of ours: the level, routes that are not in use, dead parts."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest
from django.template.defaultfilters import capfirst
from django.utils.html import format_html
from django.utils.translation import gettext as _

from recovery import heartbeats, level, routes
from recovery.admin import moments
from recovery.admin.viewers import Viewer
from recovery.heartbeats import PartHealth
from recovery.models import RouteState, StandingAlarm
from recovery.reasons import Alarm, Circuit, MailLevel, Part


def lines(request: HttpRequest, site_name: str, *, troubles: bool = True) -> list[Any]:
    """One line for each; none while all is well. Dead parts are told to those who may see signs of life, and how many
    alarms stand to those who may open the dashboard, unless it is there already."""
    viewer = Viewer.of(request)
    told = [*_of_level(viewer, site_name), *_of_routes(viewer, site_name, failed=troubles)]
    if troubles and viewer.may_view("heartbeat"):
        told += _of_health()
    if troubles and viewer.may_view("rollup"):
        told += _of_alarms(viewer, site_name)
    return told


def _of_level(viewer: Viewer, site_name: str) -> Iterator[Any]:
    now = level.current()
    if now != MailLevel.ALL:
        words = viewer.link_to_list("levelswitch", _("Mail level"), site_name)
        yield format_html("{} “{}”: {}.", words, now.value, now.label)


def _of_routes(viewer: Viewer, site_name: str, *, failed: bool) -> Iterator[Any]:
    known = routes.states()
    for route in routes.all_routes():
        state = known.get(route.name)
        if state and (state.switched_off or (failed and state.circuit != Circuit.CLOSED)):
            words = viewer.link_to_list("routestate", _("Route"), site_name)
            yield format_html("{} “{}”: {}.", words, route.name, _why_not(state, viewer))


def _why_not(state: RouteState, viewer: Viewer) -> str:
    """Why a route is not simply in use."""
    if state.switched_off:
        said = [_("switched off"), viewer.text(state.switch_reason)]
    else:
        said = [state.get_circuit_display(), state.get_reason_display() if state.reason else ""]
    return "; ".join(str(text) for text in said if text)


def _of_health() -> Iterator[str]:
    found = heartbeats.health()
    dead = [_dead(part) for part in found.parts if not part.healthy and part.part != Part.ROUTE]
    if dead:
        yield capfirst("; ".join(dead)) + "."


def _of_alarms(viewer: Viewer, site_name: str) -> Iterator[Any]:
    """What the last look found and no line above says."""
    above = {Alarm.CIRCUIT_OPEN, Alarm.REFUSED_US, Alarm.NO_ROUTE}
    if viewer.may_view("heartbeat"):
        above |= {Alarm.PART_SILENT, Alarm.QUEUE_LATE, Alarm.WEBHOOK_SILENT}
    standing = StandingAlarm.objects.exclude(alarm__in=above).order_by("since").values_list("alarm", flat=True)
    if told := dict.fromkeys(str(Alarm(word).label) for word in standing if word in Alarm.values):
        words = viewer.link_to_list("rollup", _("Dashboard"), site_name)
        yield format_html("{}: {}.", words, "; ".join(told))


def _dead(part: PartHealth) -> str:
    named = " ".join(str(word) for word in (dict(Part.choices).get(part.part, part.part), part.name) if word)
    if part.part == Part.WEBHOOK:
        return _("%(part)s: it has mail of ours and says nothing of it. Look at the webhook's settings there") % {
            "part": named
        }
    if part.age_seconds is None:
        return _("%(part)s: no sign of life yet") % {"part": named}
    span = moments.length(part.age_seconds)
    if part.part == Part.QUEUE:
        return _("%(part)s: the oldest has waited for %(span)s") % {"part": named, "span": span}
    return _("%(part)s: no sign of life for %(span)s") % {"part": named, "span": span}
