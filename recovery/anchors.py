"""Tells the head of the trail's chain outside of the database, each hour in which there is a new one.

Whoever can write to the database, and knows SECRET_KEY, can make the whole trail anew; what has left the house they
cannot call back. ``AUDIT_ANCHORS`` names the functions that take a head; these three are ours. One that raises is asked
again until it takes it, so it may be told the same twice.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.utils import timezone, translation
from django.utils.module_loading import import_string
from django.utils.translation import gettext

from recovery import alarms, audit, level, outbox
from recovery.audit import chain
from recovery.conf import conf, of_django
from recovery.exceptions import RecoveryError
from recovery.models import AuditAnchor, AuditSeal
from recovery.models.primary import atomic
from recovery.reasons import Alarm, EmailKind

logger = logging.getLogger(__name__)


class Unheard(RecoveryError):
    """No log of this process takes INFO of the logger ``recovery.anchors``."""


def log(anchor: AuditAnchor) -> None:
    """An INFO line of the logger ``recovery.anchors``, for logs that are kept on another machine. Raises Unheard where
    that line would go nowhere, as with Django's own logging: another process may have a log that takes it."""
    if not is_heard():
        raise Unheard
    logger.info("%s", anchor)


def is_heard() -> bool:
    """Whether a log of this process takes what ``log`` tells."""
    if not logger.isEnabledFor(logging.INFO):
        return False
    place: logging.Logger | None = logger
    while place is not None:
        if any(each.level <= logging.INFO and not isinstance(each, logging.NullHandler) for each in place.handlers):
            return True
        place = place.parent if place.propagate else None
    return False


def file(anchor: AuditAnchor, *, path: str) -> None:
    """A line at the end of a file: on a share that can only be added to, or that another machine fetches."""
    with Path(path).open("a", encoding="utf-8") as lines:
        lines.write(f"{anchor}\n")


def mail(anchor: AuditAnchor, *, to: list[str]) -> None:
    """A mail to each of these addresses, which they keep."""
    with translation.override(str(of_django("LANGUAGE_CODE"))):
        context = {
            "alarm": "anchor",
            "what": gettext("keep this mail, it holds the anchor of the audit trail"),
            "about": "",
            "detail": str(anchor),  # which stands in a line by itself
            "is_over": False,
            "dashboard_url": "",
        }
    language = str(of_django("LANGUAGE_CODE"))
    with atomic(AuditAnchor):
        emails = outbox.queue(
            EmailKind.ALARM, list(to), language=language, context=context, held=level.holds(EmailKind.ALARM)
        )
    outbox.ring(emails)


def tell_due() -> int:
    """Note the head of this hour, if there is a new one, and tell whatever was not told yet; returns how many anchors
    everybody has taken by now. Commits each."""
    last = audit.newest()
    if last:
        _note(last)
    untold = AuditAnchor.objects.filter(told_at=None).order_by("hour")
    return sum([_tell(row) for row in list(chain.anchors(untold))])


def _note(last: AuditSeal) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    known = AuditAnchor.objects.filter(hour=hour) | AuditAnchor.objects.filter(number=last.number)
    if not known.exists():
        row = AuditAnchor(hour=hour, number=last.number, position=last.last, head=last.head)
        AuditAnchor.objects.bulk_create([row], ignore_conflicts=True)


def _tell(row: AuditAnchor) -> bool:
    """Row first, network second: what a target took is noted at once, so that the others alone are asked again."""
    told = set(row.told)
    for number, entry in enumerate(conf.AUDIT_ANCHORS):
        name = f"{number}:{entry['ANCHOR']}"
        if name not in told and _took(row, entry):
            told.add(name)
            AuditAnchor.objects.filter(pk=row.pk).update(told=sorted(told))
    if len(told) < len(conf.AUDIT_ANCHORS):
        return False
    return bool(AuditAnchor.objects.filter(pk=row.pk, told_at=None).update(told_at=timezone.now()))


def _took(row: AuditAnchor, entry: Mapping[str, Any]) -> bool:
    options = {key.lower(): value for key, value in entry.items() if key != "ANCHOR"}
    try:
        import_string(entry["ANCHOR"])(row, **options)
    except Exception as error:  # noqa: BLE001 - the site's own code, or a disk that is full
        alarms.sound(Alarm.ANCHOR_NOT_TOLD, str(entry["ANCHOR"]), detail=type(error).__name__)
        return False
    return True
