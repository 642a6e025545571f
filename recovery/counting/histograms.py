"""Percentiles of durations that are only known by bucket."""

import math
from collections.abc import Sequence


def percentile(counts: Sequence[int], bounds: Sequence[int], slowest: float, share: float) -> float | None:
    """Seconds that at least ``share`` of the durations took no longer than; None where there are none.

    It is the upper bound of the bucket in which the exact value lies (by nearest rank), or the slowest of all where
    that is less: so the sentence holds as it stands, and is off by one bucket at most. ``counts`` has one entry more
    than ``bounds``, for what took longer than all of them.
    """
    wanted = math.ceil(share * sum(counts))
    seen = 0
    for count, bound in zip(counts, bounds, strict=False):
        seen += count
        if seen >= wanted > 0:
            return min(float(bound), slowest)
    return slowest if wanted else None


def within(counts: Sequence[int], bounds: Sequence[int], seconds: float) -> int:
    """How many took no longer than ``seconds``, which must be one of the bounds."""
    return sum(counts[: bounds.index(int(seconds)) + 1])
