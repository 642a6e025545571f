"""Where the shapes of the dashboard's two charts stand. Lengths without a unit: the drawing is stretched to its place.

What is written beside a drawing is text of the page, so that it stays readable however narrow that is.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from django.utils import timezone

from recovery import metrics
from recovery.counting import Selection
from recovery.metrics import Numbers

WIDTH, HEIGHT = 1000.0, 100.0
GAP: Final = 0.18  # of a slot's width, between two bars
TIMES: Final = (1, 10, 60, 600, 3600, 86400)
"""Seconds at which the axis of durations has a line: each as far from the next, whatever lies between."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One bar of time: an hour, six hours or a day, in the viewer's zone."""

    begins: datetime
    ends: datetime
    numbers: Numbers

    @property
    def first_hour(self) -> datetime:
        """The first hour of the figures that it holds: where a zone's midnight is no full hour of UTC, the next."""
        return metrics.ceiling(self.begins)

    @property
    def end_hour(self) -> datetime:
        return metrics.ceiling(self.ends)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; lengths as SVG takes them, whatever the language of the page."""

    word: str
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Boxes or lines, and the texts of the axis from its top down."""

    boxes: Sequence[Box]
    lines: Mapping[str, str]
    marks: Sequence[str]
    ticks: Sequence[float]


def slots(hours: Mapping[datetime, Numbers], selection: Selection) -> list[Slot]:
    """The whole time of the selection in bars, those without anything as well."""
    length, zone = _length(selection), timezone.get_current_timezone()
    found: dict[datetime, Numbers] = {}
    for hour, numbers in hours.items():
        begins = _begins(hour.astimezone(zone), length)
        found[begins] = found[begins].plus(numbers) if begins in found else numbers
    begun, made = _begins(selection.since.astimezone(zone), length), list[Slot]()
    while begun < selection.until:
        made.append(Slot(begun, begun + length, found.get(begun, Numbers())))
        begun += length  # by the clock on the wall: a day has as many hours as it has
    return made


def mail_chart(bars: Sequence[Slot]) -> Chart:
    """What became of the mail: what arrived at the bottom, what nobody told of above it, what failed on top."""
    highest = nice(max((bar.numbers.expected for bar in bars), default=0))
    boxes = []
    for number, bar in enumerate(bars):
        stacked = (
            ("delivered", bar.numbers.counts["delivered"]),
            ("no_news", bar.numbers.counts["no_news"]),
            ("failed", bar.numbers.not_arrived),
        )
        top = HEIGHT
        for word, count in stacked:
            height = HEIGHT * count / highest
            top -= height
            if count:
                boxes.append(_box(word, number, len(bars), top, height))
    return Chart(boxes, {}, (), (highest, highest / 2, 0))


def time_chart(bars: Sequence[Slot], target: float) -> Chart:
    """How long mail took: the median and the 95th percentile, and the line of the target."""
    longest = max((bar.numbers.percentile(0.95) or 0 for bar in bars), default=0)
    ticks = [*TIMES[:4], *(tick for below, tick in pairwise(TIMES[3:]) if below < max(longest, target))]
    marks = [f"M0,{_length_of(_height(tick, ticks))}h{WIDTH:g}" for tick in ticks[1:-1]]
    lines = {"target": f"M0,{_length_of(_height(target, ticks))}h{WIDTH:g}"}
    for word, share in (("p50", 0.5), ("p95", 0.95)):
        points = [bar.numbers.percentile(share) for bar in bars]
        lines[word] = _path([None if point is None else _height(point, ticks) for point in points])
    return Chart((), lines, marks, ticks[::-1])


def nice(number: int) -> int:
    """The next round number that is even: half of it is written, too."""
    scale = int(10 ** math.floor(math.log10(max(number, 1))))
    steps = (step * scale for step in (1, 2, 4, 6, 8, 10, 20))
    return next(step for step in steps if step >= number and step % 2 == 0)


def _length(selection: Selection) -> timedelta:
    span = selection.until - selection.since
    if span <= timedelta(hours=49):
        return timedelta(hours=1)
    return timedelta(hours=6) if span <= timedelta(days=8) else metrics.DAY


def _begins(local: datetime, length: timedelta) -> datetime:
    """Of the bar that a moment of the viewer's zone is in: midnight there, or full hours after it."""
    if length < metrics.DAY:
        hours = int(length / timedelta(hours=1))
        return local.replace(hour=local.hour // hours * hours, minute=0, second=0, microsecond=0)
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def _box(word: str, number: int, of: int, top: float, height: float) -> Box:
    width = WIDTH / of
    return Box(
        word, _length_of((number + GAP / 2) * width), _length_of(top), _length_of((1 - GAP) * width), _length_of(height)
    )


def _height(seconds: float, ticks: Sequence[int]) -> float:
    """From the top; between two lines of the axis by the logarithm."""
    if seconds <= ticks[0]:
        return HEIGHT
    for number, (low, high) in enumerate(pairwise(ticks)):
        if seconds <= high:
            part = (math.log(seconds) - math.log(low)) / (math.log(high) - math.log(low))
            return HEIGHT * (1 - (number + part) / (len(ticks) - 1))
    return 0.0


def _path(heights: Sequence[float | None]) -> str:
    """A line from the middle of each bar to that of the next; broken where nothing arrived."""
    width, steps, is_drawing = WIDTH / max(len(heights), 1), list[str](), False
    for number, height in enumerate(heights):
        if height is None:
            is_drawing = False
            continue
        at = f"{_length_of((number + 0.5) * width)},{_length_of(height)}"
        # Without a length, a line with round ends is a dot: a single hour is seen, too.
        steps.append(f"L{at}" if is_drawing else f"M{at}h0")
        is_drawing = True
    return "".join(steps)


def _length_of(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
