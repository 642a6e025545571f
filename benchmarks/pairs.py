"""Whether two classes of answers can be told apart by their time: rank statistics, without any assumption of shape.

Response times are neither normal nor independent; pairs in random order and tests on ranks are sound all the same
(Kario, Out of the Box Testing, ePrint 2023/1441).
"""

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

Z99 = 2.5758


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of pairs (first, second) in seconds; "difference" is second minus first."""

    pairs: int
    auc: float
    auc_low: float
    auc_high: float
    median_us: float
    median_low_us: float
    median_high_us: float
    p95_us: float
    sign_p: float
    wilcoxon_p: float


def compare(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> Comparison:
    """All figures of one cell; intervals are of 99 %."""
    differences = [b - a for a, b in zip(first, second, strict=True)]
    auc, error = area(first, second)
    low, high = median_interval(differences, seed=seed)
    return Comparison(
        pairs=len(differences),
        auc=auc,
        auc_low=auc - Z99 * error,
        auc_high=auc + Z99 * error,
        median_us=statistics.median(differences) * 1e6,
        median_low_us=low * 1e6,
        median_high_us=high * 1e6,
        p95_us=(_quantile(second, 0.95) - _quantile(first, 0.95)) * 1e6,
        sign_p=sign_test(differences),
        wilcoxon_p=wilcoxon(differences),
    )


def area(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Mann-Whitney's P(second > first), ties counting half, and its standard error after DeLong."""
    together = ranks([*first, *second])
    n, m = len(first), len(second)
    own_first, own_second = ranks(first), ranks(second)
    below = [(together[n + i] - own_second[i]) / n for i in range(m)]
    above = [1 - (together[i] - own_first[i]) / m for i in range(n)]
    auc = statistics.fmean(below)
    return auc, math.sqrt(statistics.variance(below) / m + statistics.variance(above) / n)


def ranks(values: Sequence[float]) -> list[float]:
    """From 1; equal values share the mean of their ranks."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    before = 0
    for _, group in groupby(order, key=values.__getitem__):
        members = list(group)
        for index in members:
            found[index] = before + (len(members) + 1) / 2
        before += len(members)
    return found


def median_interval(values: Sequence[float], *, seed: int, draws: int = 1000) -> tuple[float, float]:
    """Bootstrapped. The median of a resample is one of the sorted values: which one, is a binomial draw."""
    ordered, number, dice = sorted(values), len(values), random.Random(seed)
    medians = []
    for _ in range(draws):
        place = round(dice.gauss(number / 2, math.sqrt(number) / 2))
        medians.append(ordered[max(0, min(number - 1, place))])
    return _quantile(medians, 0.005), _quantile(medians, 0.995)


def sign_test(differences: Sequence[float]) -> float:
    """Two-sided p of as many positive differences as there are, normal approximation."""
    positive, negative = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    if not (number := positive + negative):
        return 1.0
    return _two_sided(max(0.0, abs(positive - negative) - 1) / math.sqrt(number))


def wilcoxon(differences: Sequence[float]) -> float:
    """Two-sided p of the signed-rank sum, normal approximation."""
    moved = [d for d in differences if d]
    if not moved:
        return 1.0
    total = sum(math.copysign(rank, d) for rank, d in zip(ranks([abs(d) for d in moved]), moved, strict=True))
    number = len(moved)
    return _two_sided(abs(total) / math.sqrt(number * (number + 1) * (2 * number + 1) / 6))


def _two_sided(z: float) -> float:
    return math.erfc(z / math.sqrt(2))


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
