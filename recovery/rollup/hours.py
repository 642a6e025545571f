"""One hour counted and written anew, as often as it may change. The same rows give the same figures."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connections, router
from django.db.models import Case, Count, QuerySet, When

from recovery import counting
from recovery.models import Email, RollUp
from recovery.models.batches import insert_new, run
from recovery.models.roll_ups import ALL, COUNTS, DELIVERY, DELIVERY_BOUNDS, OPENING, OPENING_BOUNDS, OTHER
from recovery.reasons import Figure

HOUR: Final = timedelta(hours=1)
MOST_DOMAINS: Final = 50  # of an hour that have rows of their own
_OF: Final = tuple(f"of_{name}" for name in counting.DIMENSIONS)
_SLOWEST: Final = ("delivery_slowest", "opening_slowest")
_COUNTED: Final = (*COUNTS, *DELIVERY, *OPENING)
_COLUMNS: Final = ("begins", "rolled_at", *counting.DIMENSIONS, *_COUNTED, *_SLOWEST)

Key = tuple[str, str, str, str]  # the values of the dimensions


def beginning(moment: datetime) -> datetime:
    """Of the hour that it is in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def count(hour: datetime, now: datetime) -> list[list[Any]]:
    """The rows of one hour as they are at ``now``. Reads only; ten statements at most, however much happened."""
    span, found = (hour, hour + HOUR), _Counts()
    if (mails := counting.mails(*span)).exists():
        _count_mails(found, mails, now)
    _count_others(found, Figure.COMPLAINED, counting.complaints(*span), counting.of_mails())
    _count_others(found, Figure.REQUESTS, counting.requests(*span), counting.of_requests())
    _count_others(found, Figure.CASES, counting.cases(*span), counting.of_cases())
    _count_others(found, Figure.ACTS, counting.acts(*span), counting.of_acts())
    return list(found.rows(hour, now))


def write(hour: datetime, rows: list[list[Any]]) -> None:
    """Put these in the place of what was there of that hour, in the caller's transaction."""
    RollUp.objects.filter(begins=hour)._raw_delete(router.db_for_write(RollUp))
    if rows:
        run(RollUp, [insert_new(RollUp, _COLUMNS, rows)])


class _Counts:
    """Counts and longest durations by dimensions."""

    def __init__(self) -> None:
        self.counts: dict[Key, Counter[str]] = defaultdict(Counter)
        self.slowest: dict[Key, list[float]] = defaultdict(lambda: [0.0] * len(_SLOWEST))
        self.mails: Counter[str] = Counter()

    def add(self, of: Sequence[str], names: Iterable[str | None], number: int) -> Key:
        audience, route, domain, kind = of
        key = (audience, route, domain, kind)
        for name in filter(None, names):
            self.counts[key][name] += number
        return key

    def rows(self, hour: datetime, now: datetime) -> Iterator[list[Any]]:
        """As ``Counts`` says it, each under four keys."""
        top, merged = top_domains(self.mails), _Counts()
        for key, own in self.counts.items():
            for each in keys_of(key, top):
                merged.counts[each].update(own)
                merged.slowest[each] = [*map(max, merged.slowest[each], self.slowest[key])]
        for key, own in merged.counts.items():
            yield [hour, now, *key, *(own[name] for name in _COUNTED), *merged.slowest[key]]


def top_domains(mails: Counter[str]) -> set[str]:
    """Those that have rows of their own: with mail or, after those, without; of equals, the first by name."""
    ordered = sorted(mails.items(), key=lambda each: (-each[1], each[0]))
    return {domain for domain, _ in ordered[:MOST_DOMAINS]}


def keys_of(key: Key, top: set[str]) -> list[Key]:
    """Under which dimensions the same is counted."""
    audience, route, domain, kind = key
    domains = (domain if not domain or domain in top else OTHER, ALL)
    return [each for shown in domains for each in ((audience, route, shown, kind), (ALL, ALL, shown, ALL))]


def _count_mails(found: _Counts, mails: "QuerySet[Email]", now: datetime) -> None:
    took = Case(When(counting.is_fate(Figure.DELIVERED, now), then=counting.delivery_time()))
    facts = mails.annotate(
        **counting.of_mails(),
        fate=counting.fate(now),
        link=counting.link_fate(now),
        took=took,
        opened_after=counting.opening_time(),
    )
    for *of, fate, link, delivery, opening, number, slowest, last in _grouped(facts):
        names = [fate, link, DELIVERY[delivery] if delivery is not None else None]
        key = found.add(of, [*names, OPENING[opening] if opening is not None else None], number)
        found.slowest[key] = [*map(max, found.slowest[key], (float(slowest or 0), float(last or 0)))]
        found.mails[key[2]] += number


def _grouped(facts: "QuerySet[Any]") -> list[tuple[Any, ...]]:
    """How many mails have the same facts, and their longest durations in seconds.

    The facts are found once for each mail: within one query, Django would write each of them down again for every
    bucket that it is compared with.
    """
    connection = connections[router.db_for_write(Email)]
    is_postgresql = connection.vendor == "postgresql"
    inner, params = facts.values(*_OF, "fate", "link", "took", "opened_after").query.sql_with_params()
    names = [*_OF, "fate", "link"]
    seconds = {name: f"extract(epoch FROM {name})" if is_postgresql else f"{name} / 1e6" for name in _DURATIONS}
    buckets = [_bucket(seconds[name], bounds) for name, bounds in _DURATIONS.items()]
    longest = [f"max({seconds[name]})" for name in _DURATIONS]
    groups = ", ".join(str(number + 1) for number in range(len(names) + len(buckets)))
    sql = (
        f"WITH mail AS MATERIALIZED ({inner})"
        f" SELECT {', '.join([*names, *buckets])}, count(*), {', '.join(longest)} FROM mail GROUP BY {groups}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


_DURATIONS: Final = {"took": DELIVERY_BOUNDS, "opened_after": OPENING_BOUNDS}


def _bucket(seconds: str, bounds: tuple[int, ...]) -> str:
    steps = " ".join(f"WHEN {seconds} <= {bound} THEN {number}" for number, bound in enumerate(bounds))
    return f"CASE WHEN {seconds} IS NULL THEN NULL {steps} ELSE {len(bounds)} END"


def _count_others(found: _Counts, figure: Figure, rows: "QuerySet[Any]", of: dict[str, Any]) -> None:
    if not rows.exists():  # most hours of most sites: making the whole statement takes longer than it takes
        return
    for *key, number in rows.annotate(**of).values_list(*_OF).annotate(number=Count("pk")):
        if domain := found.add(key, [figure.value], number)[2]:
            found.mails[domain] += 0  # a case may be opened in an hour without mail to its domain
