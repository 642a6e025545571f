"""One hour counted and written anew, as often as it may change. The same rows give the same figures."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import router
from django.db.models import Case, Count, F, Max, QuerySet, SmallIntegerField, Value, When

from recovery import counting
from recovery.models import RollUp
from recovery.models.batches import insert_new, run
from recovery.models.roll_ups import ALL, COUNTS, DELIVERY, DELIVERY_BOUNDS, OPENING, OPENING_BOUNDS, OTHER
from recovery.reasons import Figure

HOUR: Final = timedelta(hours=1)
MOST_DOMAINS: Final = 50  # of an hour that have rows of their own
_OF: Final = [f"of_{name}" for name in counting.DIMENSIONS]
_SLOWEST: Final = ("delivery_slowest", "opening_slowest")
_COUNTED: Final = (*COUNTS, *DELIVERY, *OPENING)
_COLUMNS: Final = ("hour", "rolled_at", *counting.DIMENSIONS, *_COUNTED, *_SLOWEST)


def beginning(moment: datetime) -> datetime:
    """Of the hour that it is in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def count(hour: datetime, now: datetime) -> list[list[Any]]:
    """The rows of one hour as they are at ``now``. Reads only; five statements, however much happened."""
    span = (hour, hour + HOUR)
    found = _Counts(_top_domains(*span))
    _count_mails(found, *span, now)
    _count_others(found, Figure.REQUESTS, counting.requests(*span), counting.of_requests())
    _count_others(found, Figure.CASES, counting.cases(*span), counting.of_cases())
    _count_others(found, Figure.ACTS, counting.acts(*span), counting.of_acts())
    return list(found.rows(hour, now))


def write(hour: datetime, rows: list[list[Any]]) -> None:
    """Put these in the place of what was there of that hour, in the caller's transaction."""
    RollUp.objects.filter(hour=hour)._raw_delete(router.db_for_write(RollUp))
    if rows:
        run(RollUp, [insert_new(RollUp, _COLUMNS, rows)])


class _Counts:
    """Counts and longest durations by dimensions, each once for its domain and once for all domains."""

    def __init__(self, top: frozenset[str] | None) -> None:
        self.top = top
        self.counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        self.slowest: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)

    def narrowed(self, of: dict[str, Any]) -> dict[str, Any]:
        """Dimensions by which a statement may group: it gives no more groups than there are rows to write."""
        if self.top is None:
            return of
        known = When(of_whole_domain__in=("", *self.top), then=F("of_whole_domain"))
        shown = Case(known, default=Value(OTHER))
        return {"of_whole_domain": of["of_domain"], **of, "of_domain": shown}

    def add(self, of: Iterable[str], names: Iterable[str | None], number: int, **durations: timedelta | None) -> None:
        audience, route, domain, kind = of
        for key in ((audience, route, domain, kind), (audience, route, ALL, kind)):
            for name in filter(None, names):
                self.counts[key][name] += number
            for name, duration in durations.items():
                if duration:
                    seconds = duration.total_seconds()
                    self.slowest[key][name] = max(seconds, self.slowest[key].get(name, 0.0))

    def rows(self, hour: datetime, now: datetime) -> Iterator[list[Any]]:
        for key, own in self.counts.items():
            slowest = [self.slowest[key].get(name, 0.0) for name in _SLOWEST]
            yield [hour, now, *key, *(own[name] for name in _COUNTED), *slowest]


def _top_domains(since: datetime, until: datetime) -> frozenset[str] | None:
    """Those with the most mail, of which the rest is told apart no further; None where there are few."""
    of = counting.of_mails()["of_domain"]
    by_domain = counting.mails(since, until).annotate(of_domain=of).values("of_domain").annotate(number=Count("pk"))
    ordered = by_domain.order_by("-number", "of_domain").values_list("of_domain", flat=True)
    top = list(ordered[: MOST_DOMAINS + 1])
    return frozenset(top[:MOST_DOMAINS]) if len(top) > MOST_DOMAINS else None


def _count_mails(found: _Counts, since: datetime, until: datetime, now: datetime) -> None:
    fates = [When(counting.is_fate(fate, now), then=Value(fate.value)) for fate in counting.FATES]
    links = [When(counting.is_link_fate(fate, now), then=Value(fate.value)) for fate in counting.LINK_FATES]
    took = Case(When(counting.is_fate(Figure.DELIVERED, now), then=counting.delivery_time()))
    mails = counting.mails(since, until).annotate(
        **found.narrowed(counting.of_mails()),
        fate=Case(*fates),
        link=Case(*links),
        is_complaint=Case(When(counting.is_complained(), then=Value(Figure.COMPLAINED.value))),
        took=took,
        opened_after=counting.opening_time(),
        delivery=counting.bucket("took", DELIVERY_BOUNDS),
        opening=counting.bucket("opened_after", OPENING_BOUNDS),
    )
    groups = mails.values_list(*_OF, "fate", "link", "is_complaint", "delivery", "opening")
    for *of, fate, link, is_complaint, delivery, opening, number, slowest, last in groups.annotate(
        number=Count("pk"), slowest=Max("took"), last=Max("opened_after")
    ):
        durations = [
            None if delivery is None else DELIVERY[delivery],
            None if opening is None else OPENING[opening],
        ]
        found.add(
            of, [fate, link, is_complaint, *durations], number, delivery_slowest=slowest, opening_slowest=last
        )


def _count_others(found: _Counts, figure: Figure, rows: "QuerySet[Any]", of: dict[str, Any]) -> None:
    for *key, number in rows.annotate(**found.narrowed(of)).values_list(*_OF).annotate(number=Count("pk")):
        found.add(key, [figure.value], number)

