"""Settings, parts, broker, clock and tracking: what the installation is made of."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from django.core.checks import ERROR, run_checks
from django.db import connections, router
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recovery import bell, heartbeats, metrics, routes
from recovery.checks import ways_out
from recovery.conf import of_django
from recovery.doctor.symptoms import Symptom
from recovery.models import Email, Heartbeat
from recovery.reasons import Alarm, Examined, Judgement, Part

LARGEST_DRIFT: Final = 5.0  # seconds; a mail's lease has a margin of 45, and a webhook's signature of minutes
BETWEEN_LOOKS: Final = 0.1  # seconds
NEXT: Final[Mapping[str, Any]] = {
    Part.BEAT: gettext_lazy("Start celery beat with the schedule of recovery.schedule.beat_schedule()."),
    Part.SWEEP: gettext_lazy("Start celery beat and a worker, or run recovery_sweep --loop."),
    Part.WORKER: gettext_lazy(
        "Start a Celery worker; a worker that was given up is forgotten by recovery_health --forget."
    ),
    Part.ROUTE: gettext_lazy("Look at the page of routes: it says why, and switches it on again."),
    Part.QUEUE: gettext_lazy("Start more workers, and look at the routes: mail waits."),
    Part.WEBHOOK: gettext_lazy(
        "Look at the webhook's settings at the provider: URL, secret, and which events it posts."
    ),
    "database": gettext_lazy("Start the database, or correct DATABASES."),
}
_OF_PARTS: Final = frozenset(
    {Alarm.PART_SILENT, Alarm.QUEUE_LATE, Alarm.WEBHOOK_SILENT, Alarm.CIRCUIT_OPEN, Alarm.REFUSED_US, Alarm.NO_ROUTE}
)


def settings() -> Iterator[Symptom]:
    """The system checks of this app, those for a live site included."""
    found = [
        message
        for message in run_checks(include_deployment_checks=True)
        if str(message.id).startswith("recovery.") and not message.is_silenced()
    ]
    for message in found:
        judgement = Judgement.PROBLEM if message.level >= ERROR else Judgement.NOTICE
        yield Symptom(Examined.SETTINGS, judgement, str(message.msg), str(message.hint or ""), str(message.id))
    if not found:
        yield Symptom(Examined.SETTINGS, Judgement.OK, _("No system check of this app complains."))


def parts() -> Iterator[Symptom]:
    """Signs of life, and what is wrong by the figures."""
    found = metrics.health()
    for part in found.signs.parts:
        named = " ".join(filter(None, [part.part, part.name]))
        judgement = Judgement.OK if part.healthy else Judgement.PROBLEM
        advice = "" if part.healthy else str(NEXT.get(part.part, ""))
        yield Symptom(Examined.PARTS, judgement, f"{named}: {part.said}", advice, part.name or part.part)
    seen = {part.part for part in found.signs.parts}
    for wanted in (Part.BEAT, Part.WORKER):
        if wanted not in seen and "database" not in seen:
            said = _("%(part)s: never gave a sign of life") % {"part": wanted.value}
            yield Symptom(Examined.PARTS, Judgement.NOTICE, said, str(NEXT[wanted]), wanted.value)
    for trouble in found.troubles:
        if trouble.alarm not in _OF_PARTS:
            judgement = Judgement.NOTICE if trouble.alarm in metrics.TOLD else Judgement.PROBLEM
            said = ": ".join(filter(None, [str(trouble.alarm.label), trouble.detail]))
            advice = _("Open the dashboard in the admin: it leads to the rows behind it.")
            yield Symptom(Examined.ALARMS, judgement, said, advice, trouble.subject)


def broker(*, within: float) -> Symptom:
    """Ring a worker and wait for its answer, ``within`` seconds. The answer is a row, so the whole way is tried."""
    visit, started = uuid4(), time.monotonic()
    bell.ring("recovery.answer_doctor", visit)
    bell.settle()
    answer = Heartbeat.objects.filter(part=Part.ECHO, name__endswith=str(visit))
    while not answer.exists():
        if not bell.is_heard():
            said = _("The broker did not take a message.")
            advice = _(
                "Start the broker, or correct CELERY_BROKER_URL. Mail leaves meanwhile, as often as somebody sweeps."
            )
            return Symptom(Examined.BROKER, Judgement.PROBLEM, said, advice)
        if time.monotonic() - started > within:
            said = _("The broker took a message, and no worker answered within %(seconds)d s.") % {"seconds": within}
            advice = _("Start a Celery worker that uses this database and listens to the queue of recovery's tasks.")
            return Symptom(Examined.BROKER, Judgement.PROBLEM, said, advice)
        time.sleep(BETWEEN_LOOKS)  # it is another process that writes the row
    heartbeats.gone(Part.ECHO, str(visit))
    said = _("A worker answered after %(seconds).1f s.") % {"seconds": time.monotonic() - started}
    return Symptom(Examined.BROKER, Judgement.OK, said)


def clock() -> Symptom:
    """How far this machine's clock is from the database's, which leases and limits go by."""
    connection = connections[router.db_for_write(Email)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_TIMESTAMP")
        [told] = cursor.fetchone()
    drift = (timezone.now() - _moment(told)).total_seconds()
    said = _("The clocks of this machine and of the database are %(seconds).1f s apart.") % {"seconds": abs(drift)}
    if abs(drift) <= LARGEST_DRIFT:
        return Symptom(Examined.CLOCK, Judgement.OK, said)
    advice = _("Set both by NTP: links expire by one clock and are issued by the other.")
    return Symptom(Examined.CLOCK, Judgement.PROBLEM, said, advice)


def _moment(told: Any) -> datetime:
    moment = told if isinstance(told, datetime) else parse_datetime(str(told))
    assert moment is not None
    return moment if timezone.is_aware(moment) else moment.replace(tzinfo=UTC)


def tracking() -> Iterator[Symptom]:
    """Rewritten links break or leak, and counted openings are those of scanners."""
    anymail: Mapping[str, Any] = of_django("ANYMAIL", {}) or {}
    for name, value in anymail.items():
        defaults = value if name.endswith("SEND_DEFAULTS") and isinstance(value, Mapping) else {}
        for switch in ("track_opens", "track_clicks"):
            if defaults.get(switch):
                said = _("ANYMAIL[%(name)r] switches %(switch)s on.") % {"name": name, "switch": switch}
                advice = _("Recovery mail leaves without it all the same; take it out, so that other mail does too.")
                yield Symptom(Examined.TRACKING, Judgement.NOTICE, said, advice, name)
    for route in routes.all_routes():
        if routes.esp_of(route) in ways_out.ALWAYS_TRACKING:
            said = _("The provider of route %(route)s cannot switch tracking off for one mail.") % {"route": route.name}
            advice = _("Turn open and click tracking off in the provider's account.")
            yield Symptom(Examined.TRACKING, Judgement.NOTICE, said, advice, route.name)
        else:
            said = _("Route %(route)s: tracking is off for every mail.") % {"route": route.name}
            yield Symptom(Examined.TRACKING, Judgement.OK, said, "", route.name)
