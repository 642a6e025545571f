"""anymail's events in our own words, with what was posted about each."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from anymail.signals import AnymailTrackingEvent
from django.http import QueryDict

from recovery import feedback
from recovery.reasons import EventKind
from recovery.routes import METADATA_KEY
from recovery.webhooks.parsing import is_young

logger = logging.getLogger("recovery.webhooks")

STORED: Final = "stored_by_recovery"
_STRUCTURES: Final = (dict, list)
_WORDS: Final = frozenset(EventKind.values)
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), default=str, allow_nan=False, check_circular=False)
_SORTING_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str, allow_nan=False)
"""For what is compared with what comes later: the provider may not say it in the same order again."""


def tracked(sender: Any, event: AnymailTrackingEvent, esp_name: str, **kwargs: Any) -> None:
    """Receiver of anymail's signal, for a site that keeps anymail's own addresses. Connected when the app is ready.

    Raises django.db.Error alone, for what could not be stored: anymail's view lets the provider tell it again. Whatever
    else is wrong with an event costs that event, and no receiver of the site: anymail would not call those after ours.
    """
    if getattr(event, STORED, False):
        return
    slug, told, unread = slug_of(esp_name), list[feedback.Report](), list[feedback.Unread]()
    if slug == "mailgun" and _is_old(event.esp_event):
        logger.warning("signal %s: left out (its signature is too old)", slug)
        return
    try:
        told.append(report(slug, event))
    except Exception as error:  # noqa: BLE001 - whatever a provider, or the site's own code, put into it
        logger.warning("signal %s: an event set aside (%s)", slug, type(error).__name__)
        unread.append(feedback.Unread(slug, dumped(event.esp_event), f"{type(error).__name__}: {error}"))
    if feedback.ingest(told, unread).swapped:
        logger.warning("signal %s: left out (its token came with another body)", slug)


def _is_old(posted: Any) -> bool:
    """Of what Mailgun posted, which anymail passes on with the signature that it has checked. What has none was not
    posted: the site's own code tells it."""
    signature = posted.get("signature") if isinstance(posted, Mapping) else None
    try:
        return bool(signature) and not is_young(signature if isinstance(signature, Mapping) else posted)
    except (KeyError, TypeError, ValueError, OverflowError):
        return True


def slug_of(esp_name: str) -> str:
    """A provider's name as anymail's addresses spell it."""
    return esp_name.lower().replace(" ", "_")


def report(slug: str, event: AnymailTrackingEvent) -> feedback.Report:
    """Raises TypeError or ValueError for an event whose parts are not what they must be."""
    metadata = event.metadata if isinstance(event.metadata, Mapping) else None
    said, reply = _said(event.description), _said(event.mta_response)
    raw = _plain(event.esp_event)
    kind = event.event_type if event.event_type in _WORDS else EventKind.UNKNOWN
    recipient, reject_reason = _text(event.recipient), _text(event.reject_reason)
    detail = f"{said}: {reply}" if said and reply and said != reply else said or reply
    event_id = _text(event.event_id)
    is_told_once = slug == "mailgun"
    return feedback.Report(
        esp=slug,
        kind=kind,
        recipient=recipient,
        reject_reason=reject_reason,
        occurred_at=_moment(event.timestamp),
        event_id=event_id,
        message_id=_text(event.message_id),
        email_id=_uuid(metadata.get(METADATA_KEY)) if metadata else None,
        detail=detail,
        raw="" if raw is None else (_SORTING_ENCODER if is_told_once else _ENCODER).encode(raw),
        told_once=event_id if is_told_once else "",
        evidence=feedback.evidence_of(
            slug, raw, kind=kind, recipient=recipient, reject_reason=reject_reason, text=detail
        ),
    )


def dumped(args: Any) -> str:
    """What could not be read, as far as it can be shown."""
    try:
        return _SORTING_ENCODER.encode(_plain(args))
    except (TypeError, ValueError, RecursionError):
        return repr(type(args))


def _plain(raw: Any) -> Any:
    return dict(raw.lists()) if isinstance(raw, QueryDict) else raw


def _text(value: object) -> str:
    if type(value) is str:
        return value
    if isinstance(value, _STRUCTURES):
        raise TypeError("a structure where a text must be")
    return "" if value is None else str(value)


def _said(value: object) -> str:
    """What a stranger's server said, in whatever form."""
    return _ENCODER.encode(value) if isinstance(value, _STRUCTURES) else _text(value)


def _moment(value: datetime | None) -> datetime | None:
    """In UTC, which is what is meant where a provider leaves the zone out."""
    if value is None or value.tzinfo is UTC:
        return value
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)


def _uuid(value: object) -> UUID | None:
    if not value:
        return None
    try:
        return UUID(str(value))
    except ValueError:
        return None
