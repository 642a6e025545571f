"""One row for each request over a period: who asked, what left, arrived and was opened, and how it ended. Streamed.

Holds no address and no name: staff are told by their keys, and so are accounts.
"""

import csv
import hashlib
import io
import json
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Min

from recovery import audit
from recovery.accounts import key_of
from recovery.evidence import gone
from recovery.models import AuditEvent, Decision, Email, ResetRequest, ResetToken, SupportCase
from recovery.models.requests import shown_reference
from recovery.reasons import LINK_KINDS, Action, Kind
from recovery.viewers import Viewer

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
PERSON, SITE, STAFF = "person", "site", "staff"
"""Who asked: whoever came to the page; the site, for a newcomer, a rotation or by a command that named nobody; or one
of the staff, by their key."""
REQUEST, TRAIL = "request", "trail"
"""What tells of it: the request, or, once that is purged or erased, the trail, which knows of no mail."""
UNTOLD: Final = "-"
"""No door has this name: who sees some doors alone does not see what was asked at one that is not known any more."""
AT_ONCE: Final = 500

Row = dict[str, Any]
Text = Generator[str, None, None]


def taken(form: str, *, since: datetime | None, until: datetime, by: AbstractBaseUser | None) -> Text:
    """The report as text of a file, ``csv`` or ``jsonl``, in parts, of what this member of staff reaches.

    A row of the trail says who takes what before any of it leaves, and a second one, however it ends, how many rows
    left, whether that was all, and the SHA-256 of what left, in UTF-8. Commits each.
    """
    period = {"since": since.isoformat() if since else "", "until": until.isoformat()}
    facts: dict[str, Any] = {"model": "report", "format": form, "actor_key": key_of(by) if by else "", **period}
    audit.record(Action.EXPORTED, **facts)
    return _parts(form, rows(since=since, until=until, viewer=Viewer(by) if by else None), facts)


def _parts(form: str, found: Iterator[list[Row]], facts: dict[str, Any]) -> Text:
    count, is_whole, digest = 0, False, hashlib.sha256()
    try:
        if form == "csv":
            yield _hashed(digest, "\ufeff" + _csv([list(COLUMNS)]))
        for some in found:
            count += len(some)
            yield _hashed(digest, _text(form, some))
        is_whole = True
    finally:
        facts |= {"rows": count, "sha256": digest.hexdigest(), "sent_to_the_end": is_whole}
        audit.record(Action.EXPORT_ENDED, **facts)


def _hashed(digest: "hashlib._Hash", part: str) -> str:
    digest.update(part.encode())
    return part


def rows(*, since: datetime | None, until: datetime, viewer: Viewer | None = None) -> Iterator[list[Row]]:
    """The requests of the period, the oldest first, some hundred at a time, that ``viewer`` reaches; what is purged or
    erased as the trail tells it."""
    for asks in gone.asks_of(since=since, until=until, at_once=AT_ONCE):
        if some := _rows(asks, viewer):
            yield some


def _rows(asks: Sequence[AuditEvent], viewer: Viewer | None) -> list[Row]:
    requests = [each.request_id for each in asks if each.request_id]
    decided, facts = _accounts(requests), _facts(requests)
    # Last: what is there now was there while its mail and links were read, and a purge takes all of it at once.
    there = ResetRequest.objects.in_bulk(requests)
    past = gone.told([each for each in asks if each.request_id not in there])
    found = []
    for key in requests:
        if request := there.get(key):
            keys = decided[key] | {request.user_key} - {""}
            found.append((keys, request.audience, _row(request, keys, facts)))
        else:
            told = past[key]
            found.append((told.keys, told.audience or UNTOLD, _row_of_trail(told)))
    if viewer:
        viewer.look_up(key for keys, _audience, _row in found for key in keys)
    return [row for keys, audience, row in found if viewer is None or viewer.reaches(keys, audience=audience)]


def _text(form: str, some: list[Row]) -> str:
    if form == "csv":
        return _csv([["" if row[name] is None else row[name] for name in COLUMNS] for row in some])
    return "".join(f"{json.dumps(row)}\n" for row in some)


def _csv(cells: list[list[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(cells)
    return out.getvalue()


def _accounts(requests: Sequence[UUID]) -> dict[UUID, set[str]]:
    keys: dict[UUID, set[str]] = {each: set() for each in requests}
    decided = Decision.objects.filter(request__in=requests).exclude(user_key="").order_by()
    for request, key in decided.values_list("request_id", "user_key"):
        keys[request].add(key)
    return keys


def _facts(requests: Sequence[UUID]) -> dict[str, dict[Any, Any]]:
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
        "requested_by": _asker(each.kind, each.actor_key),
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
        "kind": each.kind,
        "audience": each.audience,
        "requested_at": _moment(each.requested_at),
        "requested_by": _asker(each.kind, each.actor_key),
        "accounts": " ".join(sorted(each.keys)),
        "outcome": each.outcome,
        "opened_at": _moment(each.moments.get(Action.LINK_OPENED)),
        "completed_at": _moment(completed),
        "seconds_to_completion": _seconds(each.requested_at, completed),
        "escalated_at": _moment(each.moments.get(Action.CASE_OPENED)),
        "told_by": TRAIL,
    }


def _asker(kind: str, actor_key: str) -> str:
    if actor_key:
        return f"{STAFF} {actor_key}"
    return PERSON if kind == Kind.FORGOT else SITE


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None


def _seconds(begun: datetime, ended: datetime | None) -> float | None:
    return round((ended - begun).total_seconds(), 1) if ended else None
