"""The numbers of a selection, from the hourly figures alone. What stands in which is written in docs/metrics.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import Max, QuerySet, Sum
from django.utils.formats import number_format

from recovery import counting
from recovery.counting import Selection
from recovery.models import RollUp, RollUpProgress
from recovery.models.roll_ups import ALL, COUNTS, DELIVERY, DELIVERY_BOUNDS, OTHER
from recovery.reasons import Figure

MINUTE: Final = 60
_SUMS: Final[Mapping[str, Any]] = {f"sum_{name}": Sum(name) for name in (*COUNTS, *DELIVERY)}


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, and which rows those are."""

    numerator: int
    denominator: int
    of: tuple[Figure, ...] = ()
    base: Figure | None = None

    @property
    def share(self) -> float | None:
        """From 0 to 1, rounded to a tenth of a per mille; None of nothing."""
        return round(self.numerator / self.denominator, 4) if self.denominator else None

    def as_dict(self) -> dict[str, Any]:
        return {"numerator": self.numerator, "denominator": self.denominator, "share": self.share}


@dataclass(frozen=True, slots=True)
class Numbers:
    """What was counted, by the words of ``COUNTS`` and, for deliveries, by bucket; and the numbers that follow."""

    counts: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    deliveries: Sequence[int] = (0,) * len(DELIVERY)
    slowest: float = 0.0

    def plus(self, other: "Numbers") -> "Numbers":
        return Numbers(
            {name: self.counts[name] + other.counts[name] for name in COUNTS},
            [a + b for a, b in zip(self.deliveries, other.deliveries, strict=True)],
            max(self.slowest, other.slowest),
        )

    def within(self, seconds: float) -> Share:
        """Of the mail that arrived, what did so in that time from the request."""
        figure = Figure.WITHIN_60S if seconds == MINUTE else Figure.IN_TIME
        in_time = counting.within(self.deliveries, DELIVERY_BOUNDS, seconds)
        return Share(in_time, sum(self.deliveries), (figure,), Figure.TIMED)

    def percentile(self, share: float) -> float | None:
        """Seconds from the request to the delivery that this share took no longer than; see ``counting.percentile``."""
        return counting.percentile(self.deliveries, DELIVERY_BOUNDS, self.slowest, share)

    @property
    def expected(self) -> int:
        return sum(self.counts[figure.value] for figure in counting.EXPECTED)

    @property
    def delivery_success(self) -> Share:
        return self._of_expected(Figure.DELIVERED)

    @property
    def no_news(self) -> Share:
        return self._of_expected(Figure.NO_NEWS)

    @property
    def bounced(self) -> Share:
        return self._of_expected(Figure.BOUNCED)

    @property
    def complained(self) -> Share:
        return Share(self.counts["complained"], self.counts["delivered"], (Figure.COMPLAINED,), Figure.DELIVERED)

    @property
    def opened(self) -> Share:
        return Share(self.counts["opened"] + self.counts["completed"], self._usable, (Figure.OPENED,), Figure.USABLE)

    @property
    def completed(self) -> Share:
        return Share(self.counts["completed"], self._usable, (Figure.COMPLETED,), Figure.USABLE)

    @property
    def escalation(self) -> Share:
        by_hand = self.counts["cases"] + self.counts["acts"]
        return Share(by_hand, self.counts["requests"], (Figure.CASES, Figure.ACTS), Figure.REQUESTS)

    @property
    def _usable(self) -> int:
        return sum(self.counts[name] for name in ("completed", "opened", "live", "unopened"))

    def _of_expected(self, figure: Figure) -> Share:
        return Share(self.counts[figure.value], self.expected, (figure,), Figure.EXPECTED)

    def as_dict(self) -> dict[str, Any]:
        """As ``recovery_metrics --json`` gives it."""
        return {
            "delivery_seconds": {
                "p50": self.percentile(0.5),
                "p95": self.percentile(0.95),
                "p99": self.percentile(0.99),
                "within_60s": self.within(MINUTE).as_dict(),
            },
            "delivery_success": self.delivery_success.as_dict(),
            "completion": {"opened": self.opened.as_dict(), "completed": self.completed.as_dict()},
            "escalation": self.escalation.as_dict(),
            "no_news": self.no_news.as_dict(),
            "counts": dict(self.counts),
        }


def by_hour(selection: Selection) -> dict[datetime, Numbers]:
    """Of each hour of which anything was counted. One statement."""
    return _grouped(_rows(selection), "hour")


def in_all(hours: Mapping[datetime, Numbers]) -> Numbers:
    """Of all these hours together."""
    whole = Numbers()
    for numbers in hours.values():
        whole = whole.plus(numbers)
    return whole


def by_dimension(name: str, selection: Selection, *, most: int = 12) -> dict[str, Numbers]:
    """Of each audience, route, domain or kind, those with the most mail first. One statement.

    What belongs to none, such as a request that led to no mail, is left out.
    """
    rows = _rows(selection, domains=name == "domain")
    found = _grouped(rows.exclude(**{name: ""}), name)
    ordered = sorted(found.items(), key=lambda each: (-each[1].expected, each[0]))
    return dict(ordered[:most])


def in_other_domains(selection: Selection) -> int:
    """How much of the mail went to domains that had no rows of their own, of which one may be the one asked for."""
    if not selection.domain:
        return 0
    found = _grouped(_rows(selection, domains=True).filter(domain=OTHER), "domain")
    return sum(numbers.expected for numbers in found.values())


def values(name: str, selection: Selection) -> list[str]:
    """The audiences, routes or kinds of which anything was counted in that time."""
    span = RollUp.objects.filter(domain=ALL, hour__gte=selection.since, hour__lt=selection.until)
    return sorted(span.exclude(**{name: ""}).order_by().values_list(name, flat=True).distinct())


def percent(share: float) -> str:
    """With one decimal; never rounded to none or to all where it is neither."""
    shown = round(100 * share, 1)
    if 0 < share < 1:
        shown = min(max(shown, 0.1), 99.9)
    return f"{number_format(shown, decimal_pos=0 if shown in (0, 100) else 1)}\u00a0%"


def rolled_at() -> datetime | None:
    """When the figures were rolled up last."""
    return RollUpProgress.objects.values_list("rolled_at", flat=True).first()


def _rows(selection: Selection, *, domains: bool = False) -> "QuerySet[RollUp]":
    chosen = selection.chosen
    if domains:
        chosen.pop("domain", None)
        found = RollUp.objects.exclude(domain=ALL)
    else:
        found = RollUp.objects.filter(domain=chosen.pop("domain", ALL))
    return found.filter(hour__gte=selection.since, hour__lt=selection.until, **chosen).order_by()


def _grouped(rows: "QuerySet[RollUp]", name: str) -> dict[Any, Numbers]:
    sums = rows.values_list(name).annotate(**_SUMS, slowest=Max("delivery_slowest"))
    return {
        key: Numbers(
            dict(zip(COUNTS, values, strict=False)), values[len(COUNTS) : len(COUNTS) + len(DELIVERY)], slowest
        )
        for key, *values, slowest in sums
    }
