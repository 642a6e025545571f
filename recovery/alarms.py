"""What somebody must look at now: told to the log and to the host's receivers, once in ten minutes for each subject.

A row says it as well (a circuit, a mail's reason), so an alarm that nobody hears loses nothing but time.
"""

import logging
import threading
import time
from typing import Final

from django.db import connections, router, transaction

from recovery.models import Email
from recovery.reasons import Alarm
from recovery.signals import alarm_sounded

logger = logging.getLogger(__name__)

QUIET: Final = 600.0  # seconds
MOST_TOLD: Final = 1000  # subjects that are remembered

_told: dict[tuple[str, str], float] = {}
_lock = threading.Lock()


def sound(alarm: Alarm, subject: str, *, detail: str = "") -> None:
    """Tell the operators, after the commit if a transaction is running: an ERROR line and ``alarm_sounded``.

    The same alarm of the same subject is told once in ten minutes by each process. ``subject`` and ``detail`` hold
    no address and no secret: a route's name, a kind of mail, an email's id. Never raises, whatever the database does.
    """
    alias = router.db_for_write(Email)
    if connections[alias].in_atomic_block:
        transaction.on_commit(lambda: _tell(alarm, subject, detail), using=alias, robust=True)
    else:
        _tell(alarm, subject, detail)


def _tell(alarm: Alarm, subject: str, detail: str) -> None:
    if not _is_news(alarm, subject):
        return
    logger.error("%s: %s (%s)%s", alarm.value, alarm.label, subject, f": {detail}" if detail else "")
    alarm_sounded.send_robust(sender=Alarm, alarm=alarm, subject=subject, detail=detail)


def _is_news(alarm: Alarm, subject: str) -> bool:
    now = time.monotonic()
    with _lock:
        if now < _told.get((alarm, subject), 0.0):
            return False
        if len(_told) >= MOST_TOLD:
            _told.clear()  # told once more at worst
        _told[alarm, subject] = now + QUIET
    return True
