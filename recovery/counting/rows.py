"""The rows behind a figure, for the lists that a number opens."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

from django.db.models import Model, Q

from recovery.conf import conf
from recovery.counting import fates, selecting
from recovery.counting.selecting import Rows, Selection
from recovery.models import AuditEvent, Email, ResetRequest, SupportCase
from recovery.reasons import Figure

MINUTE: Final = timedelta(seconds=60)

_OTHERS: Final[Mapping[Figure, tuple[Callable[..., Rows], Callable[[], dict[str, Any]]]]] = {
    Figure.COMPLAINED: (selecting.complaints, selecting.of_mails),
    Figure.REQUESTS: (selecting.requests, selecting.of_requests),
    Figure.CASES: (selecting.cases, selecting.of_cases),
    Figure.ACTS: (selecting.acts, selecting.of_acts),
}


def rows(figure: Figure, selection: Selection, now: datetime, among: Rows | None = None) -> Rows:
    """Those that are counted as ``figure``, in no order: emails, requests, cases or rows of the trail; of all or among
    some."""
    found, dimensions = _OTHERS.get(figure, (selecting.mails, selecting.of_mails))
    chosen = {f"of_{name}": value for name, value in selection.chosen.items()}
    asked_for = {name: expression for name, expression in dimensions().items() if name in chosen}
    counted = cast(Rows, found(selection.since, selection.until, among).alias(**asked_for).filter(**chosen))
    return counted if figure in _OTHERS else _of_mails(counted, figure, now)


def model_of(figure: Figure) -> type[Model]:
    """Whose rows they are."""
    models: dict[Figure, type[Model]] = {
        Figure.REQUESTS: ResetRequest, Figure.CASES: SupportCase, Figure.ACTS: AuditEvent,
    }  # fmt: skip
    return models.get(figure, Email)


def _of_mails(mails: Rows, figure: Figure, now: datetime) -> Rows:
    if figure in _LINKS:
        return cast(Rows, mails.alias(link=fates.link_fate(now)).filter(link__in=_LINKS[figure]))
    if figure not in _TIMES:
        return mails.filter(fates.is_fate(figure, now))
    arrived = mails.filter(fates.is_fate(Figure.DELIVERED, now), delivered_at__isnull=False)
    return cast(Rows, arrived.alias(took=fates.delivery_time()).filter(_TIMES[figure]()))


_LINKS: Final[Mapping[Figure, Sequence[Figure]]] = {
    **{each: (each,) for each in fates.LINK_FATES},
    Figure.OPENED: (Figure.OPENED, Figure.COMPLETED),
    Figure.USABLE: fates.LINK_FATES[:4],
}
_TIMES: Final[Mapping[Figure, Callable[[], Q]]] = {
    Figure.TIMED: Q,
    Figure.WITHIN_60S: lambda: Q(took__lte=MINUTE),
    Figure.IN_TIME: lambda: Q(took__lte=conf.TARGETS["delivered_within"]),
    Figure.SLOW: lambda: Q(took__gt=conf.TARGETS["delivered_within"]),
}
