"""What is wrong now, as one list, from rows alone: signs of life, queues, routes, webhooks, figures, open work,
floods of asks and of locked names, busy staff, and what ``undone`` finds.

Shares are judged by the newest hours that hold enough mail, of one day at most: a busy site learns of trouble within
the hour, and a small one is not alarmed by its only mail of the day. Of what is young, only what went quickly is known;
so the newest hours in which all mail has had its time are judged as well: what is slow to fail alarms, too, and no
alarm is over before that can be known. What stands already ends only when it is well clear of its limit, so that
nothing comes and goes around it.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recovery import agents, floods, heartbeats
from recovery.conf import conf
from recovery.counting import Selection
from recovery.heartbeats import Health, PartHealth
from recovery.metrics import undone, windows
from recovery.metrics.numbers import Numbers, Share, by_hour, in_all, percent, rolled_at
from recovery.metrics.numbers import limit as as_set
from recovery.metrics.targets import DELIVERED_WITHIN, Target, targets
from recovery.models import AuditAnchor, AuditEvent, AuditSeal, Lockout, RouteState, StandingAlarm
from recovery.models.primary import SKEW, key_at
from recovery.reasons import Alarm, EmailReason, Figure, Part, Standing

OLD: Final = timedelta(minutes=15)  # figures that nobody rolled up for so long
UNSEALED: Final = timedelta(minutes=10)  # a row of the trail without a seal
UNTOLD: Final = timedelta(hours=2)  # an anchor, from the end of its hour
FEWEST_COMPLAINTS: Final = 3  # one person who presses the wrong button is no trouble
SIGN_IN: Final = "sign-in"
CLEAR: Final = 0.5  # a standing alarm ends at so much of what it began at

Standings = Mapping[tuple[str, str], datetime]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong: the word, what it is about, how bad it is in words, since when it was told, and the
    rows that show it."""

    alarm: Alarm
    subject: str = ""
    detail: str = ""
    since: datetime | None = None
    figure: Figure | None = None
    selection: Selection | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "alarm": self.alarm.value,
            "subject": self.subject,
            "detail": self.detail,
            "since": self.since.isoformat() if self.since else None,
        }


def alarms(health: Health | None = None, *, rolled: datetime | None = None) -> list[Trouble]:
    """All that is wrong now; none while all is well. Reads only; a dozen statements, one for when the figures were
    ``rolled`` up, and those of ``health``, which a caller who has them may give."""
    found = health or heartbeats.health()
    dead = [part for part in found.parts if not part.healthy]
    if any(part.part == "database" for part in dead):
        return [Trouble(Alarm.PART_SILENT, "database", part.said) for part in dead]
    since = {(row.alarm, row.subject): row.since for row in StandingAlarm.objects.all()}
    told = [*_of_parts(found.parts), *_of_figures(rolled or rolled_at())]
    troubles = [*told, *(trouble for rule in RULES for trouble in rule(since))]
    return [replace(each, since=since.get((each.alarm.value, each.subject))) for each in troubles]


def _of_parts(parts: list[PartHealth]) -> Iterator[Trouble]:
    """What the health view finds red is trouble in the words of alarms. That a site's only route failed is said by its
    circuit."""
    dead, routes = [part for part in parts if not part.healthy], [part for part in parts if part.part == Part.ROUTE]
    failed = [part.name for part in dead if part.part == Part.ROUTE]
    states = RouteState.objects.filter(name__in=failed)
    off = {state.name for state in states if state.switched_off}
    refused = {state.name for state in states if state.reason == EmailReason.PROVIDER_REFUSED_US}
    if off or 1 < len(routes) == len(failed):
        yield Trouble(Alarm.NO_ROUTE, "", _("every route is switched off or failed"))
    for part in dead:
        if part.part == Part.ROUTE:
            if part.name not in off:
                yield Trouble(Alarm.REFUSED_US if part.name in refused else Alarm.CIRCUIT_OPEN, part.name, part.said)
        elif part.part == Part.WEBHOOK:
            yield Trouble(Alarm.WEBHOOK_SILENT, part.name, part.said)
        elif part.part == Part.QUEUE:
            yield Trouble(Alarm.QUEUE_LATE, part.name, part.said)
        else:
            yield Trouble(Alarm.PART_SILENT, ":".join(filter(None, (part.part, part.name))), part.said)


def _of_figures(rolled: datetime | None) -> Iterator[Trouble]:
    if rolled and rolled < timezone.now() - OLD:
        yield Trouble(Alarm.FIGURES_OLD, "", _("rolled up last at %(moment)s UTC") % {"moment": f"{rolled:%H:%M}"})


def _of_trail(since: Standings) -> Iterator[Trouble]:
    """Seals are made within seconds. One that is ahead of the clock tells nothing of those before it."""
    now = timezone.now()
    seals = AuditSeal.objects.filter(frontier__gte=OuterRef("pk"), frontier__lt=key_at(now + SKEW))
    old = AuditEvent.objects.filter(pk__lt=key_at(now - UNSEALED)).order_by("-pk")
    for at, is_sealed in old.values_list("occurred_at", Exists(seals))[:1]:
        if not is_sealed:
            said = _("no seal for what was at %(moment)s UTC") % {"moment": f"{at:%H:%M}"}
            yield Trouble(Alarm.TRAIL_UNSEALED, "", said)


def _of_anchors(since: Standings) -> Iterator[Trouble]:
    """The oldest head of the trail that somebody still has not taken, and who."""
    late = timezone.now() - UNTOLD - windows.HOUR
    for row in AuditAnchor.objects.filter(told_at=None, hour__lt=late).order_by("hour")[:1]:
        said = _("not told since %(moment)s UTC") % {"moment": f"{row.hour:%Y-%m-%d %H:%M}"}
        entries = enumerate(str(entry["ANCHOR"]) for entry in conf.AUDIT_ANCHORS)
        missing = {name for number, name in entries if f"{number}:{name}" not in row.told}
        for name in sorted(missing):
            yield Trouble(Alarm.ANCHOR_NOT_TOLD, name, said)


def _of_shares(since: Standings) -> Iterator[Trouble]:
    """Of the newest hours with enough mail, and of the newest in which mail has had its time; each alarm once."""
    now = timezone.now()
    day = windows.selection(since=now - windows.DAY, until=now)
    hours = by_hour(day)
    known = {hour: numbers for hour, numbers in hours.items() if hour + windows.HOUR <= now - conf.WEBHOOK_SILENCE}
    told: dict[Alarm, Trouble] = {}
    for each in (hours, known):
        for trouble in _of_newest(each, day, since):
            told.setdefault(trouble.alarm, trouble)
    yield from told.values()
    limits, complained = conf.ALARM_LIMITS, in_all(hours).complained
    is_enough = complained.numerator >= FEWEST_COMPLAINTS and complained.denominator >= limits["samples"]
    if is_enough and _is_over(Alarm.COMPLAINTS_HIGH, complained, limits["complaints"], since):
        said = _said(complained, limits["complaints"])
        yield Trouble(Alarm.COMPLAINTS_HIGH, "", said, figure=Figure.COMPLAINED, selection=day)


def _of_newest(hours: Mapping[datetime, Numbers], day: Selection, since: Standings) -> Iterator[Trouble]:
    """Of those among these hours that hold enough mail."""
    lately, begins = _newest(hours, lambda numbers: numbers.expected)
    selection = replace(day, since=begins, until=max(hours, default=begins) + windows.HOUR)
    for target in targets(lately):
        alarm = Alarm.DELIVERY_SLOW if target.name == DELIVERED_WITHIN else Alarm.SUCCESS_LOW
        figure = Figure.SLOW if target.name == DELIVERED_WITHIN else Figure.EXPECTED
        if _is_missed(target, is_standing=(alarm.value, "") in since):
            yield Trouble(alarm, "", _missed(target), figure=figure, selection=selection)
    limits = conf.ALARM_LIMITS
    if lately.expected >= limits["samples"] and _is_over(Alarm.BOUNCES_HIGH, lately.bounced, limits["bounces"], since):
        said = _said(lately.bounced, limits["bounces"])
        yield Trouble(Alarm.BOUNCES_HIGH, "", said, figure=Figure.BOUNCED, selection=selection)


def _of_work(since: Standings) -> Iterator[Trouble]:
    """What somebody must do; of cases that nobody closes, only if they are many."""
    most = conf.ALARM_LIMITS["open_cases"]
    limit = most * CLEAR if (Alarm.CASES_PILED.value, "") in since else most
    for alarm, about, count in undone.counts():
        if alarm != Alarm.CASES_PILED or count > limit:
            yield Trouble(alarm, about, undone.said(alarm, about, count))


def _of_strangers(since: Standings) -> Iterator[Trouble]:
    """Far more asks than usual, and many names that somebody tries passwords of."""
    if flood := floods.unusual():
        yield Trouble(Alarm.ASKS_UNUSUAL, "forgot", str(flood))
    most = conf.LOCKOUT_ALARM
    limit = math.ceil(most * CLEAR) if (Alarm.LOCKOUTS_MANY.value, SIGN_IN) in since else most
    names = Lockout.objects.names_locked(within=windows.HOUR, most=most)
    if names >= limit:
        said = ngettext("%(count)d name within an hour", "%(count)d names within an hour", names)
        more = ngettext("%(count)d name or more within an hour", "%(count)d names or more within an hour", names)
        yield Trouble(Alarm.LOCKOUTS_MANY, SIGN_IN, (more if names == most else said) % {"count": names})


def _of_staff(since: Standings) -> Iterator[Trouble]:
    """Members of staff who act on many people, each by the key of their account."""
    for actor, volume in agents.busy(CLEAR).items():
        if volume.share < 1 and (Alarm.AGENT_VOLUME.value, actor) not in since:
            continue
        people = volume.looked if volume.is_of_looks else volume.acted
        said = ngettext("acted on %(count)d person within an hour", "acted on %(count)d people within an hour", people)
        if volume.is_of_looks:
            said = ngettext(
                "looked up %(count)d person within an hour", "looked up %(count)d people within an hour", people
            )
        yield Trouble(Alarm.AGENT_VOLUME, actor, said % {"count": people})


RULES: Final[tuple[Callable[[Standings], Iterator[Trouble]], ...]] = (
    _of_trail,
    _of_anchors,
    _of_shares,
    _of_strangers,
    _of_staff,
    _of_work,
)
"""Each finds troubles of one kind; it is given since when each alarm stands, by alarm and subject."""


def _newest(hours: Mapping[datetime, Numbers], samples: Callable[[Numbers], int]) -> tuple[Numbers, datetime]:
    """The newest hours that together hold enough mail, or all there are; and when they begin."""
    lately, begins = Numbers(), max(hours, default=windows.floor(timezone.now()))
    for hour in sorted(hours, reverse=True):
        lately, begins = lately.plus(hours[hour]), hour
        if samples(lately) >= conf.ALARM_LIMITS["samples"]:
            break
    return lately, begins


def _is_missed(target: Target, *, is_standing: bool) -> bool:
    if target.standing == Standing.TOO_FEW:
        return False
    return target.best < (target.wanted + (1 - target.wanted) * CLEAR if is_standing else target.wanted)


def _missed(target: Target) -> str:
    said = _("%(share)s arrived (%(numerator)d of %(denominator)d); the target is %(limit)s")
    if target.name == DELIVERED_WITHIN:
        said = _("%(share)s arrived within %(seconds)d s (%(numerator)d of %(denominator)d); the target is %(limit)s")
    seconds = conf.TARGETS["delivered_within"].total_seconds()
    return said % {**_facts(target.reached, target.wanted), "seconds": seconds}


def _is_over(alarm: Alarm, found: Share, limit: float, since: Standings) -> bool:
    return (found.share or 0.0) > (limit * CLEAR if (alarm.value, "") in since else limit)


def _said(found: Share, limit: float) -> str:
    return _("%(share)s (%(numerator)d of %(denominator)d); the limit is %(limit)s") % _facts(found, limit)


def _facts(found: Share, limit: float) -> dict[str, Any]:
    return {
        "numerator": found.numerator,
        "denominator": found.denominator,
        "share": percent(found.share or 0.0),
        "limit": as_set(limit),
    }
