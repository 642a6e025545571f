"""The numbers of the dashboard, one tile each, and the sentence above them that says whether recovery works."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recovery import metrics
from recovery.admin.figures import Fraction, Links, count, duration, percent
from recovery.conf import conf
from recovery.metrics import Numbers, Target, Trouble
from recovery.reasons import Figure, Standing

_MOODS: Final = {
    Standing.MET: "good", Standing.MISSED: "bad", Standing.TOO_FEW: "open", Standing.NO_NEWS: "open",
}  # fmt: skip
_SHORT: Final = {
    Figure.BOUNCED: gettext_lazy("Returned"),
    Figure.FAILED: gettext_lazy("Refused"),
    Figure.EXPIRED: gettext_lazy("Too late to be sent"),
    Figure.LATE: gettext_lazy("Late"),
    Figure.COMPLAINED: gettext_lazy("Reported as spam"),
    Figure.LIVE: gettext_lazy("Not opened yet"),
    Figure.SUPERSEDED: gettext_lazy("Replaced by a newer link"),
    Figure.ON_ITS_WAY: gettext_lazy("On its way"),
    Figure.WITHHELD: gettext_lazy("Held back"),
    Figure.CANCELLED: gettext_lazy("Not needed any more"),
}


@dataclass(frozen=True, slots=True)
class Headline:
    """Whether recovery works, at a glance."""

    mood: str
    title: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """A target beside its number: what is wanted, how it stands, and how much may still go wrong."""

    wanted: str
    mood: str
    standing: str
    budget: str


@dataclass(frozen=True, slots=True)
class Line:
    """What a tile says below its number: words or a number, or so much of so much."""

    label: str
    text: str = ""
    fraction: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the numbers: its name, its value in large letters, what that means, and what it is made of."""

    key: str
    title: str
    value: str
    meaning: str
    lines: Sequence[Line]
    goal: Goal | None = None


def headline(numbers: Numbers, troubles: Sequence[Trouble], rolled_at: datetime | None) -> Headline:
    """The worst that is true."""
    standings = [target.standing for target in metrics.targets(numbers)]
    if troubles:
        number = len(troubles)
        said = ngettext("%(count)d thing is wrong now", "%(count)d things are wrong now", number)
        return Headline("bad", _("Recovery needs somebody"), said % {"count": number})
    if rolled_at is None:
        return Headline("open", _("Nothing was counted yet"), _("Beat rolls up the figures every minute. Does it run?"))
    if Standing.MISSED in standings:
        return Headline("bad", _("Recovery misses a target"), _("Nothing is wrong now, but it was in this time."))
    if Standing.NO_NEWS in standings:
        said = _("Too little was heard of what became of mail. Are the webhooks of the provider set up?")
        return Headline("open", _("Nobody knows whether mail arrives"), said)
    if not (numbers.counts["requests"] or numbers.expected):
        return Headline("open", _("Nobody asked in this time"), _("Nothing is wrong that could be seen."))
    if Standing.TOO_FEW in standings:
        return Headline("good", _("Nothing is wrong"), _("There was too little mail to judge the targets by."))
    return Headline("good", _("Recovery works"), _("Both targets are met, and nothing is wrong."))


def tiles(numbers: Numbers, links: Links) -> list[Tile]:
    by_name = {target.name: _goal(target) for target in metrics.targets(numbers)}
    return [
        _time(numbers, links, by_name["delivered_within"]),
        _delivery(numbers, links, by_name["delivery_success"]),
        _completion(numbers, links),
        _escalation(numbers, links),
    ]


def others(numbers: Numbers, links: Links) -> list[Line]:
    """What stands in none of the numbers, so that all mail is accounted for."""
    left_out = (Figure.ON_ITS_WAY, Figure.WITHHELD, Figure.CANCELLED, Figure.SUPERSEDED, Figure.COMPLAINED)
    return [_line(figure, numbers, links) for figure in left_out if numbers.counts[figure.value]]


def _goal(target: Target) -> Goal:
    wanted = metrics.limit(target.wanted)
    if target.name == "delivered_within":
        time = duration(conf.TARGETS["delivered_within"].total_seconds())
        wanted = _("%(share)s within %(time)s") % {"share": wanted, "time": time}
    return Goal(wanted, _MOODS[target.standing], str(target.standing.label), _budget(target))


def _budget(target: Target) -> str:
    left = target.budget_left
    if target.standing == Standing.TOO_FEW:
        said = _("%(count)s of at least %(least)s mails")
        return said % {"count": count(target.reached.denominator), "least": count(int(conf.ALARM_LIMITS["samples"]))}
    if left >= 0:
        return ngettext("%(count)s more may go wrong", "%(count)s more may go wrong", left) % {"count": count(left)}
    return ngettext("%(count)s too many", "%(count)s too many", -left) % {"count": count(-left)}


def _time(numbers: Numbers, links: Links, goal: Goal) -> Tile:
    p50, p95, p99 = (duration(numbers.percentile(share)) for share in (0.5, 0.95, 0.99))
    lines = [
        Line(_("Half within"), p50),
        Line(_("99 % within"), p99),
        Line(_("Within 60 s"), fraction=links.fraction(numbers.within(60))),
    ]
    meaning = _("95 % arrived within this time of the ask")
    return Tile("delivery_seconds", _("Time to arrive"), p95, meaning, lines, goal)


def _delivery(numbers: Numbers, links: Links, goal: Goal) -> Tile:
    share, bad = numbers.delivery_success, (Figure.BOUNCED, Figure.FAILED, Figure.EXPIRED, Figure.LATE)
    lines = [Line(_("Arrived"), fraction=links.fraction(share))]
    lines += [_line(figure, numbers, links) for figure in bad if numbers.counts[figure.value]]
    lines.append(Line(_("No news"), fraction=links.fraction(numbers.no_news)))
    return Tile("delivery_success", _("Delivery"), percent(share), _("of mail due by now has arrived"), lines, goal)


def _completion(numbers: Numbers, links: Links) -> Tile:
    lines = [
        Line(_("Opened in time"), fraction=links.fraction(numbers.opened)),
        Line(_("Completed"), fraction=links.fraction(numbers.completed)),
    ]
    lines += [_line(Figure.LIVE, numbers, links)] if numbers.counts["live"] else []
    value = percent(numbers.completed)
    return Tile("completion", _("Completion"), value, _("of mailed links set a new password"), lines)


def _escalation(numbers: Numbers, links: Links) -> Tile:
    share, by_hand = numbers.escalation, (numbers.counts["cases"], numbers.counts["acts"])
    lines = [Line(_("Cases and acts of staff"), fraction=links.fraction(share, *by_hand))]
    return Tile("escalation", _("Escalation"), percent(share), _("of requests needed somebody's help"), lines)


def _line(figure: Figure, numbers: Numbers, links: Links) -> Line:
    return Line(str(_SHORT[figure]), links.of(figure, numbers.counts[figure.value]))
