"""One row for each request over a period: who asked, what left, arrived and was opened, and how it ended. Streamed.

Holds no address and no name: staff are told by their keys, and so are accounts.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from django.db.models import Min

from recovery.evidence import gone
from recovery.models import Decision, Email, ResetRequest, ResetToken, SupportCase
from recovery.models.primary import SKEW, key_at
from recovery.models.requests import shown_reference
from recovery.reasons import LINK_KINDS, Action

COLUMNS: Final = (
    "reference",
    "kind",
    "audience",
    "requested_at",
    "requested_by",
    "accounts",
    "outcome",
    "sent_at",
    "delivered_at",
    "opened_at",
    "completed_at",
    "seconds_to_delivery",
    "seconds_to_completion",
    "escalated_at",
    "told_by",
)
PERSON: Final = "person"
"""Who asked, where it was nobody of the staff."""
REQUEST, TRAIL = "request", "trail"
"""What tells of it: the request, or, once that is purged or erased, the trail, which knows of no mail and no kind."""
UNTOLD: Final = "-"
"""No door has this name: who sees some doors alone does not see what was asked at one that is not known any more."""
AT_ONCE: Final = 500

Row = dict[str, Any]
Reached = Callable[[list[tuple[set[str], str]]], list[bool]]


def rows(
    *,
    since: datetime | None,
    until: datetime,
    reached: Reached | None = None,
) -> Iterator[list[Row]]:
    """The requests of the period, the oldest first, some hundred at a time; what is purged or erased as the trail tells
    it. ``reached`` says of each one's accounts and door whether whoever reads may see it."""
    there = (row for some in _there(since, until, reached) for row in some)
    gone_by = (row for some in _gone(since, until, reached) for row in some)
    found = merge(there, gone_by, key=itemgetter("requested_at"))
    while some := list(islice(found, AT_ONCE)):
        yield some


def _there(since: datetime | None, until: datetime, reached: Reached | None) -> Iterator[list[Row]]:
    requests = ResetRequest.objects.filter(pk__lt=key_at(until + SKEW), requested_at__lt=until).order_by("pk")
    last = UUID(int=0)
    if since:
        requests = requests.filter(pk__gte=key_at(since - SKEW), requested_at__gte=since)
    while some := list(requests.filter(pk__gt=last)[:AT_ONCE]):
        last = some[-1].pk
        keys = _accounts(some)
        seen = reached([(keys[each.pk], each.audience) for each in some]) if reached else [True] * len(some)
        facts = _facts([each.pk for each in some])
        yield [_row(each, keys[each.pk], facts) for each, is_seen in zip(some, seen, strict=True) if is_seen]


def _gone(since: datetime | None, until: datetime, reached: Reached | None) -> Iterator[list[Row]]:
    for some in gone.of_period(since=since, until=until, at_once=AT_ONCE):
        seen = reached([(each.keys, each.audience or UNTOLD) for each in some]) if reached else [True] * len(some)
        yield [_row_of_trail(each) for each, is_seen in zip(some, seen, strict=True) if is_seen]


def lines(found: Iterable[list[Row]], form: str) -> Iterator[str]:
    """As text of a file, ``csv`` with a byte order mark or ``jsonl``."""
    if form == "csv":
        yield "\ufeff" + written([list(COLUMNS)])
    for some in found:
        if form == "csv":
            yield written([["" if row[name] is None else row[name] for name in COLUMNS] for row in some])
        else:
            yield "".join(f"{json.dumps(row)}\n" for row in some)


def written(cells: list[list[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(cells)
    return out.getvalue()


def _accounts(some: list[ResetRequest]) -> dict[UUID, set[str]]:
    keys = {each.pk: {each.user_key} - {""} for each in some}
    decided = Decision.objects.filter(request__in=keys).exclude(user_key="").order_by()
    for request, key in decided.values_list("request_id", "user_key"):
        keys[request].add(key)
    return keys


def _facts(requests: list[UUID]) -> dict[str, dict[Any, Any]]:
    """The first moment of each kind, by request, in three statements."""
    mails = Email.objects.filter(request__in=requests, kind__in=LINK_KINDS).order_by().values_list("request_id")
    links = ResetToken.objects.filter(request__in=requests).order_by().values_list("request_id")
    cases = SupportCase.objects.filter(request__in=requests).order_by().values_list("request_id")
    sent = {
        request: (sent, delivered)
        for request, sent, delivered in mails.annotate(Min("handed_over_at"), Min("delivered_at"))
    }
    return {
        "sent": {request: moments[0] for request, moments in sent.items()},
        "delivered": {request: moments[1] for request, moments in sent.items()},
        "opened": dict(links.annotate(Min("person_opened_at"))),
        "escalated": dict(cases.annotate(Min("opened_at"))),
    }


def _row(each: ResetRequest, keys: set[str], facts: dict[str, dict[Any, Any]]) -> Row:
    delivered = facts["delivered"].get(each.pk)
    return {
        "reference": shown_reference(each.reference),
        "kind": each.kind,
        "audience": each.audience,
        "requested_at": _moment(each.requested_at),
        "requested_by": f"staff {each.actor_key}" if each.actor_key else PERSON,
        "accounts": " ".join(sorted(keys)),
        "outcome": each.outcome,
        "sent_at": _moment(facts["sent"].get(each.pk)),
        "delivered_at": _moment(delivered),
        "opened_at": _moment(facts["opened"].get(each.pk)),
        "completed_at": _moment(each.completed_at),
        "seconds_to_delivery": _seconds(each.requested_at, delivered),
        "seconds_to_completion": _seconds(each.requested_at, each.completed_at),
        "escalated_at": _moment(facts["escalated"].get(each.pk)),
        "told_by": REQUEST,
    }


def _row_of_trail(each: gone.Gone) -> Row:
    completed = each.moments.get(Action.COMPLETED)
    return dict.fromkeys(COLUMNS) | {
        "reference": shown_reference(each.reference),
        "audience": each.audience,
        "requested_at": _moment(each.requested_at),
        "requested_by": f"staff {each.actor_key}" if each.actor_key else PERSON,
        "accounts": " ".join(sorted(each.keys)),
        "outcome": each.outcome,
        "opened_at": _moment(each.moments.get(Action.LINK_OPENED)),
        "completed_at": _moment(completed),
        "seconds_to_completion": _seconds(each.requested_at, completed),
        "escalated_at": _moment(each.moments.get(Action.CASE_OPENED)),
        "told_by": TRAIL,
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None


def _seconds(begun: datetime, ended: datetime | None) -> float | None:
    return round((ended - begun).total_seconds(), 1) if ended else None
