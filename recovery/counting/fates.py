"""What became of a mail and of its links, as conditions on the row, and how long it took."""

from collections.abc import Mapping
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import (
    Case,
    CharField,
    DurationField,
    Exists,
    Expression,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from recovery.conf import conf
from recovery.models import ResetToken
from recovery.reasons import EmailState, Figure, TokenState

PURPOSE: Final = "reset"  # as ``tokens`` has it: a link to the first password has days, and people take them

FATES: Final = (
    Figure.DELIVERED, Figure.BOUNCED, Figure.FAILED, Figure.EXPIRED, Figure.LATE, Figure.NO_NEWS,
    Figure.ON_ITS_WAY, Figure.WITHHELD, Figure.CANCELLED,
)  # fmt: skip
"""Each mail is in exactly one of these."""
EXPECTED: Final = FATES[:6]
"""Of these it is fair to ask whether they arrived. What is young, was held back on purpose or was not needed any more
says nothing of how well mail gets through."""
NOT_ARRIVED: Final = FATES[1:5]
"""Of these it is known that they have not."""

LINK_FATES: Final = (Figure.COMPLETED, Figure.OPENED, Figure.LIVE, Figure.UNOPENED, Figure.SUPERSEDED)
"""A mail that left is in the first of these that is true of one of its links; all but the last had one that a person
could use."""

_SEVERAL: Final = {Figure.EXPECTED: EXPECTED, Figure.NOT_ARRIVED: NOT_ARRIVED}
_ENDED: Final[Mapping[Figure, EmailState]] = {
    Figure.DELIVERED: EmailState.DELIVERED,
    Figure.BOUNCED: EmailState.BOUNCED,
    Figure.FAILED: EmailState.FAILED,
    Figure.EXPIRED: EmailState.EXPIRED,
    Figure.WITHHELD: EmailState.WITHHELD,
    Figure.CANCELLED: EmailState.CANCELLED,
}


def is_fate(figure: Figure, now: datetime) -> Q:
    """Of which mails this is true at ``now``."""
    if figure in _ENDED:
        return Q(state=_ENDED[figure])
    if figure in _SEVERAL:
        return reduce(or_, (is_fate(each, now) for each in _SEVERAL[figure]))
    grace = now - conf.WEBHOOK_SILENCE
    may_have_left = Q(state=EmailState.UNKNOWN, next_try_at=None)
    waits = Q(state__in=(EmailState.QUEUED, EmailState.SENDING, EmailState.DEFERRED))
    waits |= Q(state=EmailState.UNKNOWN, next_try_at__isnull=False)
    old, silent = Q(queued_at__lte=grace), Q(handed_over_at__lte=grace)
    if figure == Figure.NO_NEWS:
        return (Q(state=EmailState.HANDED_OVER) & silent) | (may_have_left & old)
    if figure == Figure.LATE:
        return waits & old
    return (Q(state=EmailState.HANDED_OVER) & ~silent) | ((may_have_left | waits) & ~old)


def fate(now: datetime) -> Case:
    """The word among ``FATES`` that is true of a mail."""
    return Case(*(When(is_fate(each, now), then=Value(each.value)) for each in FATES))


def link_fate(now: datetime) -> Case:
    """The word among ``LINK_FATES`` that is true of a mail's links; NULL where none ever left."""
    return Case(
        When(_link(state=TokenState.USED), then=Value(Figure.COMPLETED.value)),
        When(_link(_in_time()), then=Value(Figure.OPENED.value)),
        When(handed_over_at=None, then=Value(None)),
        When(_link(state=TokenState.LIVE, expires_at__gt=now), then=Value(Figure.LIVE.value)),
        When(_link(_not_superseded()), then=Value(Figure.UNOPENED.value)),
        When(_link(), then=Value(Figure.SUPERSEDED.value)),
        output_field=CharField(),
    )


def _link(*conditions: Q, **more: Any) -> Exists:
    return Exists(ResetToken.objects.filter(*conditions, email=OuterRef("pk"), **more))


def _not_superseded() -> Q:
    """What a newer link replaced, or somebody revoked, only once its time was over, had been of no use before."""
    return ~Q(state__in=(TokenState.REPLACED, TokenState.REVOKED), ended_at__lt=F("expires_at"))


def _in_time() -> Q:
    """A person opened it while it would have worked."""
    is_good = Q(ended_at=None) | Q(ended_at__gte=F("person_opened_at"))
    return Q(is_good, _not_superseded(), person_opened_at__lt=F("expires_at"))


def delivery_time() -> Expression:
    """From the request, or where that is gone from the queue, to the recipient's server."""
    asked_at = Coalesce("request__requested_at", "queued_at")
    return ExpressionWrapper(F("delivered_at") - asked_at, output_field=DurationField())


def opening_time() -> Expression:
    """From the delivery, or where that is not known from the hand-over, to a person's first opening of a reset link,
    also of one that was too old by then: a life that cuts slow people off must not look long enough."""
    links = ResetToken.objects.filter(email=OuterRef("pk"), person_opened_at__isnull=False, purpose=PURPOSE)
    opened = links.order_by("person_opened_at")
    left_at = Coalesce("delivered_at", "handed_over_at")
    return ExpressionWrapper(Subquery(opened.values("person_opened_at")[:1]) - left_at, output_field=DurationField())
