"""What failed and what was complained about: bounces, and what they make of the list of suppressions."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple

from recovery import bounces, suppressions
from recovery.addresses import normalise
from recovery.bounces import Classified, Evidence
from recovery.conf import conf
from recovery.feedback.reports import Report, one_line
from recovery.models import Bounce, NewBounce
from recovery.models.batches import insert_new
from recovery.models.moves import Known, Needs, Stored
from recovery.models.primary import new_key
from recovery.models.statements import Statement
from recovery.reasons import EXCUSED_RULE, EventKind
from recovery.suppressions import Arrival

logger = logging.getLogger(__name__)

_SAYS_NOTHING: Final = (
    EventKind.QUEUED, EventKind.SENT, EventKind.DELIVERED, EventKind.OPENED, EventKind.CLICKED, EventKind.SUBSCRIBED,
    EventKind.UNSUBSCRIBED,
)  # fmt: skip
JUDGED: Final = frozenset(EventKind.values) - frozenset(_SAYS_NOTHING)
"""What may be a failure or a complaint; the rest is not looked at. A marketing opt-out is neither."""


class Told(NamedTuple):
    """A report that is new, what it says of a failure or complaint, and the event that it became."""

    report: Report
    verdict: Classified | None
    at: Stored


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


def verdict_on(report: Report) -> Classified | None:
    """What a report says of a failure or complaint; None where it is none. Asks nobody."""
    if report.kind not in JUDGED:
        return None
    said = report.evidence or Evidence(
        esp=report.esp,
        kind=report.kind,
        recipient=report.recipient,
        reject_reason=report.reject_reason,
        text=report.detail,
    )
    return bounces.classify(said)


def needs_of(report: Report, verdict: Classified | None) -> Needs:
    """How much of the address must be known to make of it what it means."""
    if verdict is None:
        return Needs.BANS if report.kind == EventKind.DELIVERED else Needs.NOTHING
    if verdict.rule == EXCUSED_RULE:
        return Needs.EXCUSES
    return Needs.ARRIVALS if verdict.bounce_class in suppressions.STOPPING else Needs.NOTHING


def judge(told: Sequence[Told], now: datetime, *, known: Mapping[int | None, Bounce] | None = None) -> list[Statement]:
    """Bounces of what failed, and what they and the deliveries make of the list of suppressions.

    ``known``: by event, what was found before anybody knew whose mail it was; nothing is judged anew then, since what
    the provider posted may not be there any more.
    """
    found, emails, delivered = list[Bounce | NewBounce](), dict[str, Known](), dict[str, Arrival]()
    for report, verdict, at in told:
        email = at.email
        bounce = _bounce(report, verdict, at, now) if verdict else (known or {}).get(at.event_id)
        if bounce:
            if email:
                bounce.email_id, bounce.user_key = email.key, email.user_key
            found.append(bounce)
        elif email and report.kind == EventKind.DELIVERED:
            before = delivered.get(email.recipient_key)
            if before is None or before.at < at.occurred_at:
                delivered[email.recipient_key] = Arrival(at.occurred_at, email)
        else:
            continue  # says nothing of the address
        if email:
            emails[email.key] = email
    if not found and not delivered:
        return []
    bounces.on_second_sight(found, {each.recipient_key: each.excused_at for each in emails.values() if each.excused_at})
    rows = [_columns(each) for each in found]
    written = [insert_new(Bounce, _BOUNCE, rows, unique="id", then=_OF_ITS_EMAIL)] if rows else []
    marketing = conf.MARKETING_STREAMS
    stopping = [each for each in found if each.stream not in marketing]
    return written + suppressions.statements_of(stopping, emails, delivered=delivered)


def _bounce(report: Report, verdict: Classified, at: Stored, now: datetime) -> NewBounce:
    return NewBounce(
        id=new_key(),
        email_id=None,
        event_id=at.event_id,
        bounce_class=verdict.bounce_class,
        rule=verdict.rule[:80],
        evidence=one_line(verdict.evidence)[:500],
        status=report.evidence.status[:16] if report.evidence else "",
        stream=one_line(report.evidence.stream)[:100] if report.evidence else "",
        recipient_key=normalise(report.recipient)[:254],
        user_key="",
        esp=report.esp,
        occurred_at=at.occurred_at,
        recorded_at=now,
    )
