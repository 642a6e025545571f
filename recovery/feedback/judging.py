"""What failed and what was complained about: bounces, and what they make of the list of suppressions."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from recovery import bounces, suppressions
from recovery.addresses import normalise
from recovery.bounces import Evidence
from recovery.conf import conf
from recovery.feedback.reports import Report, one_line
from recovery.models import Bounce, NewBounce
from recovery.models.batches import insert_new
from recovery.models.moves import Known, Stored
from recovery.models.primary import new_key
from recovery.models.statements import Statement
from recovery.reasons import EventKind

logger = logging.getLogger(__name__)

_SAYS_NOTHING: Final = (
    EventKind.QUEUED, EventKind.SENT, EventKind.DELIVERED, EventKind.OPENED, EventKind.CLICKED, EventKind.SUBSCRIBED,
    EventKind.UNSUBSCRIBED,
)  # fmt: skip
JUDGED: Final = frozenset(EventKind.values) - frozenset(_SAYS_NOTHING)
"""What may be a failure or a complaint; the rest is not looked at. A marketing opt-out is neither."""


_BOUNCE: Final = (
    "id", "email", "event", "bounce_class", "rule", "evidence", "status", "stream", "recipient_key", "user_key",
    "esp", "occurred_at", "recorded_at",
)  # fmt: skip
_OF_ITS_EMAIL: Final = "UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in ("email_id", "user_key", "bounce_class", "rule")
)
"""What is known of a bounce once its email is."""
_columns: Final = attrgetter(*(name if name not in ("email", "event") else f"{name}_id" for name in _BOUNCE))


def evidence_of(esp: str, raw_event: Any, *, kind: str, **said: str) -> Evidence | None:
    """What a raw event says of a failure or complaint; None where it is none. Never raises."""
    if kind not in JUDGED:
        return None
    try:
        return bounces.evidence_of(esp, raw_event, kind=kind, **said)
    except Exception as error:  # noqa: BLE001 - a stranger's structure; what its texts say still counts
        logger.warning("feedback: evidence of %s could not be read (%s)", esp, type(error).__name__)
        return None


def judge(
    told: Sequence[tuple[Report, Stored]], now: datetime, *, known: Mapping[int | None, Bounce] | None = None
) -> list[Statement]:
    """Bounces of what failed, and what they and the deliveries make of the list of suppressions.

    ``known``: by event, what was found before anybody knew whose mail it was; nothing is judged anew then, since what
    the provider posted is not at hand any more.
    """
    found, stopping, emails = list[Bounce | NewBounce](), list[Bounce | NewBounce](), dict[UUID, Known]()
    delivered: dict[str, datetime] = {}
    for report, at in told:
        if report.kind in JUDGED:
            bounce = _bounce(report, at, now) if known is None else known.get(at.event_id)
            if not bounce:
                continue
            if at.email:
                bounce.email_id, bounce.user_key = at.email.id, at.email.user_key
            found.append(bounce)
            if bounce.stream not in conf.MARKETING_STREAMS:
                stopping.append(bounce)
        elif report.kind == EventKind.DELIVERED and at.email:
            key, moment = at.email.recipient_key, report.happened_at(now)
            delivered[key] = max(moment, delivered.get(key, moment))
        else:
            continue  # says nothing of the address
        if at.email:
            emails[at.email.id] = at.email
    bounces.on_second_sight(found, {each.recipient_key: each.excused_at for each in emails.values() if each.excused_at})
    rows = [_columns(each) for each in found]
    written = [insert_new(Bounce, _BOUNCE, rows, unique="id", then=_OF_ITS_EMAIL)] if rows else []
    return written + suppressions.statements_of(stopping, emails, delivered=delivered)


def _bounce(report: Report, at: Stored, now: datetime) -> NewBounce | None:
    said = report.evidence or Evidence(
        esp=report.esp,
        kind=report.kind,
        recipient=report.recipient,
        reject_reason=report.reject_reason,
        text=report.detail,
    )
    judged = bounces.classify(said)
    if judged is None:
        return None
    return NewBounce(
        id=new_key(),
        email_id=None,
        event_id=at.event_id,
        bounce_class=judged.bounce_class,
        rule=judged.rule[:80],
        evidence=one_line(judged.evidence)[:500],
        status=said.status[:16],
        stream=one_line(said.stream)[:100],
        recipient_key=normalise(report.recipient)[:254],
        user_key="",
        esp=report.esp,
        occurred_at=report.happened_at(now),
        recorded_at=now,
    )
