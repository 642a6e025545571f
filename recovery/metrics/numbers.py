"""The numbers of a selection, from the hourly figures alone. What stands in which is written in docs/metrics.md."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.utils.formats import number_format

from recovery import counting
from recovery.counting import Selection
from recovery.models import RollUp, RollUpDay, RollUpProgress
from recovery.models.roll_ups import ALL, COUNTS, DELIVERY, DELIVERY_BOUNDS, OTHER, Counts
from recovery.models.sums import moment, sums
from recovery.reasons import Figure

MINUTE: Final = 60


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
    def mails(self) -> int:
        """All, whatever became of them."""
        return sum(self.counts[figure.value] for figure in counting.FATES)

    @property
    def expected(self) -> int:
        return sum(self.counts[figure.value] for figure in counting.EXPECTED)

    @property
    def not_arrived(self) -> int:
        return sum(self.counts[figure.value] for figure in counting.NOT_ARRIVED)

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
    found = _summed(RollUp, ("begins",), selection, selection.since, selection.until)
    return {moment(begins): numbers for (begins,), numbers in found}


def in_all(hours: Mapping[datetime, Numbers]) -> Numbers:
    """Of all these hours together."""
    whole = Numbers()
    for numbers in hours.values():
        whole = whole.plus(numbers)
    return whole


def by_dimension(name: str, selection: Selection, *, rolled: datetime | None, most: int = 12) -> dict[str, Numbers]:
    """Of each audience, route, domain or kind, those with the most mail first. What is beyond ``most`` is ``OTHER``,
    after them, and mail that belongs to none is "", the last: so they add up. What led to no mail is left out.

    Three statements at most: days that were over when the figures were ``rolled`` up are read as days, and the hours
    before and after them as hours.
    """
    return by_dimensions((name,), selection, rolled=rolled, most=most)[name]


def by_dimensions(
    names: Sequence[str], selection: Selection, *, rolled: datetime | None, most: int = 12
) -> dict[str, dict[str, Numbers]]:
    """The same by several, in as many statements as by one; by domains, of which there are many, apart from others."""
    found: dict[str, dict[str, Numbers]] = {name: {} for name in names}
    for model, since, until in _spans(selection, rolled):
        for values, numbers in _summed(model, tuple(names), selection, since, until):
            for name, value in zip(names, values, strict=True):
                known = found[name].get(value)
                found[name][value] = known.plus(numbers) if known else numbers
    return {name: _folded(each, most) for name, each in found.items()}


def _spans(selection: Selection, rolled: datetime | None) -> list[tuple[type[Counts], datetime, datetime]]:
    """Where the figures of a selection are read."""
    first, last = _midnight(selection.since, is_next=True), _midnight(min(selection.until, rolled or selection.since))
    if first >= last:
        return [(RollUp, selection.since, selection.until)]
    spans: list[tuple[Any, datetime, datetime]] = [
        (RollUp, selection.since, first),
        (RollUpDay, first, last),
        (RollUp, last, selection.until),
    ]
    return [(model, since, until) for model, since, until in spans if since < until]


def _folded(found: Mapping[str, Numbers], most: int) -> dict[str, Numbers]:
    ordered = sorted(found.items(), key=lambda each: (each[0] == OTHER, -each[1].expected, each[0]))
    named = [each for each in ordered if each[0]]
    folded = dict(named[:most])
    for _, numbers in named[most:]:
        folded[OTHER] = folded[OTHER].plus(numbers) if OTHER in folded else numbers
    of_none = found.get("")
    return {**folded, "": of_none} if of_none and of_none.mails else folded


def in_other_domains(selection: Selection) -> int:
    """How much of the mail went to domains that had no rows of their own, of which one may be the one asked for."""
    if not selection.domain:
        return 0
    others = _summed(RollUp, ("domain",), replace(selection, domain=OTHER), selection.since, selection.until)
    return sum(numbers.expected for _, numbers in others)


def values(name: str, selection: Selection) -> list[str]:
    """The audiences, routes or kinds of which anything was counted in that time."""
    span = RollUp.objects.filter(domain=ALL, begins__gte=selection.since, begins__lt=selection.until)
    return sorted({*span.order_by().values_list(name, flat=True).distinct()} - {"", ALL})


def percent(share: float) -> str:
    """With one decimal; never rounded to none or to all where it is neither."""
    shown = round(100 * share, 1)
    if 0 < share < 1:
        shown = min(max(shown, 0.1), 99.9)
    return f"{number_format(shown, decimal_pos=0 if shown in (0, 100) else 1)}\u00a0%"


def limit(share: float) -> str:
    """As the settings have it."""
    return f"{number_format(f'{100 * share:g}')}\u00a0%"


def rolled_at() -> datetime | None:
    """When the figures were rolled up last."""
    return RollUpProgress.objects.values_list("rolled_at", flat=True).first()


def _summed(
    model: type[Counts], names: tuple[str, ...], selection: Selection, since: datetime, until: datetime
) -> Iterator[tuple[tuple[Any, ...], Numbers]]:
    """Values of these columns, with their figures."""
    chosen = selection.chosen if "domain" in names else {"domain": ALL, **selection.chosen}
    for row in sums(model, names, since=since, until=until, chosen=chosen):
        slowest, *numbers = row[len(names) :]
        yield row[: len(names)], Numbers(dict(zip(COUNTS, numbers, strict=False)), numbers[len(COUNTS) :], slowest)


def _midnight(at: datetime, *, is_next: bool = False) -> datetime:
    """Of UTC, the last one, or the next unless it is one."""
    begun = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return begun + timedelta(days=1) if is_next and begun != at else begun
