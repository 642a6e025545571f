"""The rows behind a figure, for the lists that a number opens."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Model, Q, QuerySet

from recovery.conf import conf
from recovery.counting import fates, selecting
from recovery.counting.selecting import Selection
from recovery.models import AuditEvent, Email, ResetRequest, SupportCase
from recovery.reasons import Figure

MINUTE: Final = timedelta(seconds=60)

_OTHERS: Final[Mapping[Figure, tuple[Callable[..., "QuerySet[Any]"], Callable[[], dict[str, Any]]]]] = {
    Figure.REQUESTS: (selecting.requests, selecting.of_requests),
    Figure.CASES: (selecting.cases, selecting.of_cases),
    Figure.ACTS: (selecting.acts, selecting.of_acts),
}


def rows(figure: Figure, selection: Selection, now: datetime) -> "QuerySet[Any]":
    """Those that are counted as ``figure``, in no order: emails, requests, cases or rows of the trail."""
    found, dimensions = _OTHERS.get(figure, (selecting.mails, selecting.of_mails))
    chosen = {f"of_{name}": value for name, value in selection.chosen.items()}
    asked_for = {name: expression for name, expression in dimensions().items() if name in chosen}
    counted = found(selection.since, selection.until).alias(**asked_for).filter(**chosen)
    return counted if figure in _OTHERS else _of_mails(counted, figure, now)


def model_of(figure: Figure) -> type[Model]:
    """Whose rows they are."""
    models: dict[Figure, type[Model]] = {
        Figure.REQUESTS: ResetRequest, Figure.CASES: SupportCase, Figure.ACTS: AuditEvent,
    }  # fmt: skip
    return models.get(figure, Email)


def _of_mails(mails: "QuerySet[Any]", figure: Figure, now: datetime) -> "QuerySet[Any]":
    if figure in (*fates.LINK_FATES, Figure.USABLE):
        return mails.filter(fates.is_link_fate(figure, now))
    if figure == Figure.COMPLAINED:
        return mails.filter(fates.is_complained())
    if figure not in _TIMES:
        return mails.filter(fates.is_fate(figure, now))
    timed = mails.filter(fates.is_fate(Figure.DELIVERED, now), delivered_at__isnull=False)
    return timed.alias(took=fates.delivery_time()).filter(_TIMES[figure]())


_TIMES: Final[Mapping[Figure, Callable[[], Q]]] = {
    Figure.TIMED: Q,
    Figure.WITHIN_60S: lambda: Q(took__lte=MINUTE),
    Figure.IN_TIME: lambda: Q(took__lte=conf.TARGETS["delivered_within"]),
    Figure.SLOW: lambda: Q(took__gt=conf.TARGETS["delivered_within"]),
}
