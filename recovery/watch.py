"""Tells somebody when something begins to be wrong, and when it is over: once, whichever worker sees it first.

``metrics`` finds what is wrong and writes nothing; here it is remembered, so that the log, the signal and the mail say
it once, and what comes and goes within minutes is one alarm and not ten.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.urls import NoReverseMatch, reverse
from django.utils import timezone, translation

from recovery import alarms, audiences, level, metrics, outbox, rollup
from recovery.conf import conf, of_django
from recovery.exceptions import Misconfigured
from recovery.metrics import Trouble
from recovery.models import Email, StandingAlarm
from recovery.models.primary import atomic
from recovery.reasons import Alarm, EmailKind

CALM: Final = timedelta(minutes=5)  # without it, after which an alarm is over
SECONDS: Final = 5.0  # of rolling up in the place of a beat that is dead


def keep() -> bool:
    """Roll up and look, if nobody has for some minutes: for whoever runs anyway while beat is dead. One statement where
    somebody has."""
    if not rollup.is_overdue():
        return False
    rollup.roll_up(seconds=SECONDS)
    look()
    return True


def look() -> list[Trouble]:
    """Sound what is wrong and was not told yet, and end what has been over for a while. Commits each; returns all that
    is wrong."""
    with translation.override(str(of_django("LANGUAGE_CODE"))):
        found = metrics.alarms()
        for trouble in found:
            _begin(trouble)
        _end(found)
    return found


def _begin(trouble: Trouble) -> None:
    with atomic(StandingAlarm):
        row, is_new = StandingAlarm.objects.get_or_create(alarm=trouble.alarm.value, subject=trouble.subject[:160])
        if not is_new:
            StandingAlarm.objects.filter(pk=row.pk).update(seen_at=timezone.now())
            return
        emails = _mail(trouble.alarm, trouble.subject, trouble.detail, is_over=False)
        alarms.sound(trouble.alarm, trouble.subject, detail=trouble.detail)
    outbox.ring(emails)


def _end(found: Iterable[Trouble]) -> None:
    wrong = {(trouble.alarm.value, trouble.subject[:160]) for trouble in found}
    for row in StandingAlarm.objects.filter(seen_at__lt=timezone.now() - CALM):
        if (row.alarm, row.subject) in wrong:
            continue
        with atomic(StandingAlarm):
            if not StandingAlarm.objects.filter(pk=row.pk, seen_at=row.seen_at).delete()[0]:
                continue  # another worker ended it, or saw it again
            emails = _mail(Alarm(row.alarm), row.subject, "", is_over=True) if row.alarm in Alarm.values else []
        outbox.ring(emails)


def _mail(alarm: Alarm, subject: str, detail: str, *, is_over: bool) -> list[Email]:
    """One mail to each operator of the settings, in the caller's transaction."""
    if not conf.ALARM_MAIL_TO:
        return []
    return outbox.queue(
        EmailKind.ALARM,
        list(conf.ALARM_MAIL_TO),
        language=str(of_django("LANGUAGE_CODE")),
        context={
            "alarm": alarm.value,
            "what": str(alarm.label),
            "about": subject,
            "detail": detail,
            "is_over": is_over,
            "dashboard_url": _dashboard_url(),
        },
        held=level.holds(EmailKind.ALARM),
    )


def _dashboard_url() -> str:
    """Below the site's own base URL; "" on a site without an admin."""
    try:
        return audiences.get().base_url + reverse("admin:recovery_rollup_changelist")
    except (NoReverseMatch, Misconfigured):
        return ""
