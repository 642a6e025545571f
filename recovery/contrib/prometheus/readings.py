"""What is told, and computed while it is asked for: no counters in processes that restart, and nothing per person.

Numbers of mail are of a window that ends now, so they rise and fall: a mail that bounces after three days leaves one
fate for another. Labels are words of ``reasons``, names from the settings, and workers; domains only as the site lists.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django.utils import timezone

from recovery import counting, metrics
from recovery.conf import conf
from recovery.metrics import Numbers, Selection
from recovery.models import SupportCase
from recovery.reasons import MOMENTS, Alarm, MailLevel, Standing

SPANS: Final = {"1h": metrics.HOUR, "24h": metrics.DAY}
QUANTILES: Final = (0.5, 0.95, 0.99)
OTHER: Final = "other"  # all recipient domains that the site does not list
EVERY: Final = 100_000  # more domains than the figures of a day can hold

METRICS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "recovery_healthy": ("1 while all that mail needs is alive and no alarm about mail stands, else 0.", ()),
    "recovery_part_up": ("1 while this part is well, else 0.", ("part", "name")),
    "recovery_part_age_seconds": ("Since its last sign of life, success or report.", ("part", "name")),
    "recovery_alarm": ("How many things this alarm is about now.", ("alarm",)),
    "recovery_level": ("1 for the mail level in force, 0 for the others.", ("level",)),
    "recovery_waiting": ("Mails that are due and requests that nobody has decided.", ()),
    "recovery_oldest_waiting_seconds": ("How long the oldest of them has waited.", ()),
    "recovery_cases_open": ("Support cases that are open.", ()),
    "recovery_figures_age_seconds": ("Since the figures below were rolled up.", ()),
    "recovery_mails": ("Mails that bring a link, by what became of them.", ("window", "fate")),
    "recovery_links": ("Mails that left, by what became of their link.", ("window", "fate")),
    "recovery_complaints": ("Mails that were reported as spam.", ("window",)),
    "recovery_requests": ("Requests that meant an account.", ("window",)),
    "recovery_cases": ("Support cases that were opened.", ("window",)),
    "recovery_acts": ("What staff did so that somebody gets in.", ("window",)),
    "recovery_delivery_seconds": (
        "Seconds from the request to the delivery that this share took no longer than.", ("window", "quantile")
    ),
    "recovery_target_wanted_ratio": ("The share that a target wants.", ("target",)),
    "recovery_target_reached_ratio": ("The share that was reached.", ("window", "target")),
    "recovery_target_missed": ("1 if it would be missed with all mail without news arrived.", ("window", "target")),
    "recovery_target_budget_left": ("How many more may go wrong with the target still met.", ("window", "target")),
    "recovery_audience_mails": ("Mails of 24 hours, by audience.", ("audience", "fate")),
    "recovery_route_mails": ("Mails of 24 hours, by the route that they took.", ("route", "fate")),
    "recovery_domain_mails": ("Mails of 24 hours, by the recipient domains that the site lists.", ("domain", "fate")),
}  # fmt: skip
"""Each metric with what it says and its labels, which are all there are. All are gauges."""

Samples = dict[tuple[str, ...], float]


def now() -> dict[str, Samples]:
    """By metric, the values by those of its labels. While the database is dead, what can be told without it."""
    condition = metrics.health()
    signs = condition.signs
    standing = [trouble.alarm for trouble in condition.troubles]
    found: dict[str, Samples] = {
        "recovery_healthy": {(): condition.healthy},
        "recovery_part_up": {(part.part, part.name): part.healthy for part in signs.parts},
        "recovery_part_age_seconds": {
            (part.part, part.name): part.age_seconds for part in signs.parts if part.age_seconds is not None
        },
        "recovery_alarm": {(alarm.value,): standing.count(alarm) for alarm in Alarm if alarm not in MOMENTS},
    }
    if not signs.level:
        return found
    moment, rolled = timezone.now(), metrics.rolled_at()
    return found | {
        "recovery_level": {(level.value,): level == signs.level for level in MailLevel},
        "recovery_waiting": {(): signs.waiting},
        "recovery_oldest_waiting_seconds": {(): signs.oldest_seconds},
        "recovery_cases_open": {(): SupportCase.objects.filter(closed_at=None).count()},
        "recovery_figures_age_seconds": {(): (moment - rolled).total_seconds()} if rolled else {},
        **_of_windows(moment),
        **_of_dimensions(moment, rolled),
    }


def _of_windows(moment: datetime) -> dict[str, Samples]:
    """Of the last hour and the last day, each from the beginning of the hour in which it begins. One statement."""
    spans = {name: metrics.selection(since=moment - span, until=moment) for name, span in SPANS.items()}
    hours = metrics.by_hour(spans["24h"])
    found: dict[str, Samples] = {}
    for window, span in spans.items():
        numbers = metrics.in_all({begins: each for begins, each in hours.items() if begins >= span.since})
        for name, samples in _of_window(numbers).items():
            found.setdefault(name, {}).update({(window, *labels): number for labels, number in samples.items()})
    found["recovery_target_wanted_ratio"] = {(each.name,): each.wanted for each in metrics.targets(Numbers())}
    return found


def _of_window(numbers: Numbers) -> dict[str, Samples]:
    targets, percentiles = metrics.targets(numbers), {each: numbers.percentile(each) for each in QUANTILES}
    return {
        "recovery_mails": _fates(numbers),
        "recovery_links": {(fate.value,): numbers.counts[fate.value] for fate in counting.LINK_FATES},
        "recovery_complaints": {(): numbers.counts["complained"]},
        "recovery_requests": {(): numbers.counts["requests"]},
        "recovery_cases": {(): numbers.counts["cases"]},
        "recovery_acts": {(): numbers.counts["acts"]},
        "recovery_delivery_seconds": {(f"{each}",): took for each, took in percentiles.items() if took is not None},
        "recovery_target_reached_ratio": {
            (each.name,): each.reached.share for each in targets if each.reached.share is not None
        },
        "recovery_target_missed": {(each.name,): each.standing == Standing.MISSED for each in targets},
        "recovery_target_budget_left": {(each.name,): each.budget_left for each in targets},
    }


def _of_dimensions(moment: datetime, rolled: datetime | None) -> dict[str, Samples]:
    """Of the last day: three statements at most for audiences, for routes, and for domains if the site lists any."""
    day = metrics.selection(since=moment - metrics.DAY, until=moment)
    found = {
        f"recovery_{name}_mails": _by(metrics.by_dimension(name, day, rolled=rolled)) for name in ("audience", "route")
    }
    listed = [str(domain).lower() for domain in conf.METRICS["DOMAINS"]]
    return {**found, "recovery_domain_mails": _by(_of_domains(listed, day, rolled) if listed else {})}


def _of_domains(listed: list[str], day: Selection, rolled: datetime | None) -> dict[str, Numbers]:
    """Of those that are listed, also where they had no mail, and of all others together."""
    found: dict[str, Numbers] = dict.fromkeys([*listed, OTHER], Numbers())
    for domain, numbers in metrics.by_dimension("domain", day, rolled=rolled, most=EVERY).items():
        name = domain if domain in listed else OTHER
        found[name] = found[name].plus(numbers)
    return found


def _by(found: Mapping[str, Numbers]) -> Samples:
    return {(value, *fate): number for value, numbers in found.items() for fate, number in _fates(numbers).items()}


def _fates(numbers: Numbers) -> Samples:
    return {(fate.value,): numbers.counts[fate.value] for fate in counting.FATES}
