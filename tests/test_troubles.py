"""What is wrong now, as one list from rows alone: what begins each alarm, what ends it, and who is told, once."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from recovery import alarms, heartbeats, metrics, rollup, sweep, watch
from recovery.metrics.troubles import CLEAR
from recovery.models import Email, Heartbeat, RollUpProgress, RouteState, StandingAlarm
from recovery.reasons import Alarm, Circuit, EmailKind, EmailReason, EmailState, Part
from recovery.signals import alarm_sounded
from tests.admin.staff import staff
from tests.factories import UserFactory
from tests.past import HOUR, Mail, case

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
BAD: dict[str, Any] = {"state": EmailState.BOUNCED, "took": None}


@pytest.fixture(autouse=True)
def everything_lives() -> None:
    for part in (Part.BEAT, Part.SWEEP):
        heartbeats.beat(part)
    heartbeats.beat(Part.WORKER, "celery@one")


@pytest.fixture
def heard() -> Iterator[list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []

    def hear(sender: Any, alarm: Alarm, subject: str, detail: str, **kwargs: Any) -> None:
        told.append((alarm.value, subject))

    alarms._told.clear()
    alarm_sounded.connect(hear)
    yield told
    alarm_sounded.disconnect(hear)
    alarms._told.clear()


def lately(count: int, *, hours: float = 1, **facts: Any) -> list[Email]:
    """So many mails of one moment about that long ago: of one hour, whichever begins meanwhile."""
    ago = timezone.now() - hours * HOUR
    return [Mail(at=ago, **facts).write() for _ in range(count)]


def wrong() -> list[str]:
    """The words of all that is wrong, once the figures know of it."""
    rollup.roll_up()
    return [trouble.alarm.value for trouble in metrics.alarms()]


def test_nothing_is_wrong_on_a_healthy_day() -> None:
    lately(100, used=30)
    assert wrong() == []


# What makes each alarm, and what it is about.
def slow() -> None:
    lately(94, took=20)
    lately(6, took=90)


def much_lost() -> None:
    lately(97)
    lately(3, state=EmailState.FAILED, took=None)


def much_returned() -> None:
    lately(94)
    lately(6, **BAD)


def reported_as_spam() -> None:
    lately(100)
    lately(3, complained=True)


def queue_is_late() -> None:
    ten_minutes_ago = timezone.now() - 10 * MINUTE
    Mail(at=ten_minutes_ago, state=EmailState.QUEUED, took=None, left=False, next_try_at=ten_minutes_ago).write()


def beat_is_dead() -> None:
    Heartbeat.objects.filter(part=Part.BEAT).update(beat_at=Now() - 2 * MINUTE)


def circuit_is_open() -> None:
    RouteState.objects.create(name="default", circuit=Circuit.OPEN, reason=EmailReason.PROVIDER_DOWN)


def every_route_is_off() -> None:
    RouteState.objects.create(name="default", switched_off=True)


def cases_pile_up() -> None:
    for email in lately(21, hours=30):
        case(email)


def nobody_rolls_up() -> None:
    rollup.roll_up()
    RollUpProgress.objects.update(rolled_at=timezone.now() - 16 * MINUTE, lease_until=timezone.now() + HOUR)


def provider_is_silent() -> None:
    lately(60, state=EmailState.HANDED_OVER, took=None)


CASES: dict[Alarm, tuple[Callable[[], None], str]] = {
    Alarm.DELIVERY_SLOW: (slow, ""),
    Alarm.SUCCESS_LOW: (much_lost, ""),
    Alarm.BOUNCES_HIGH: (much_returned, ""),
    Alarm.COMPLAINTS_HIGH: (reported_as_spam, ""),
    Alarm.QUEUE_LATE: (queue_is_late, "email"),
    Alarm.PART_SILENT: (beat_is_dead, "beat"),
    Alarm.CIRCUIT_OPEN: (circuit_is_open, "default"),
    Alarm.NO_ROUTE: (every_route_is_off, ""),
    Alarm.CASES_PILED: (cases_pile_up, ""),
    Alarm.FIGURES_OLD: (nobody_rolls_up, ""),
    Alarm.WEBHOOK_SILENT: (provider_is_silent, "postmark"),
}


@pytest.mark.parametrize("alarm", CASES)
def test_each_trouble_is_found_by_its_own_word(alarm: Alarm, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "WEBHOOKS": {"postmark": {}}}
    make, subject = CASES[alarm]
    make()
    rollup.roll_up()
    found = {(trouble.alarm, trouble.subject): trouble for trouble in metrics.alarms()}
    assert (alarm, subject) in found
    assert found[alarm, subject].detail
    allowed = {alarm, *({Alarm.SUCCESS_LOW} if alarm == Alarm.BOUNCES_HIGH else ())}
    assert {word for word, _ in found} <= allowed


@pytest.mark.parametrize(
    "make",
    [
        lambda: lately(49, **BAD),
        lambda: (lately(95, took=20), lately(5, took=90)),
        lambda: (lately(98), lately(2, state=EmailState.FAILED, took=None)),
        lambda: lately(2, complained=True),
        lambda: [case(email) for email in lately(20, hours=30)],
        lambda: lately(60, state=EmailState.HANDED_OVER, took=None),  # nobody said what became of them
        lambda: lately(60, hours=30, **BAD),  # yesterday's trouble
        lambda: lately(60, state=EmailState.WITHHELD, took=None, left=False),
    ],
)
def test_too_little_or_too_few_or_what_nobody_knows_is_no_alarm(make: Callable[[], object]) -> None:
    make()
    assert wrong() == []


def test_a_small_site_is_judged_by_its_day_and_a_busy_one_by_its_hour() -> None:
    lately(60, hours=20, **BAD)
    assert wrong() == [Alarm.SUCCESS_LOW, Alarm.BOUNCES_HIGH]
    lately(60, hours=1)
    assert wrong() == [], "the newest fifty are well"


@pytest.mark.parametrize(
    ("alarm", "begins", "stays", "ends"),
    [
        (Alarm.BOUNCES_HIGH, 6, 4, 2),
        (Alarm.SUCCESS_LOW, 6, 2, 1),
    ],
)
def test_what_stands_ends_only_well_clear_of_its_limit(alarm: Alarm, begins: int, stays: int, ends: int) -> None:
    for bad, is_standing, is_wrong in (
        (begins, False, True),
        (stays, False, stays > 2 and alarm == Alarm.SUCCESS_LOW),
        (stays, True, True),
        (ends, True, False),
    ):
        Email.objects.all().delete()
        StandingAlarm.objects.all().delete()
        if is_standing:
            StandingAlarm.objects.create(alarm=alarm)
        lately(100 - bad, hours=1)
        lately(bad, hours=1, **BAD)
        assert (alarm in wrong()) is is_wrong, (bad, is_standing)
    assert CLEAR == 0.5


def test_open_cases_must_be_half_as_many_before_that_is_over() -> None:
    cases = [case(email) for email in lately(21, hours=30)]
    watch.look()
    for closed, is_wrong in ((5, True), (10, True), (11, False)):
        for each in cases[:closed]:
            type(each).objects.filter(pk=each.pk).update(closed_at=timezone.now())
        assert (Alarm.CASES_PILED in wrong()) is is_wrong, closed


@pytest.mark.django_db(transaction=True)
def test_somebody_is_told_once_and_not_by_every_worker(heard: list[Any]) -> None:
    circuit_is_open()
    for _ in range(3):
        watch.look()
        alarms._told.clear()  # another worker's process
    assert heard == [("circuit_open", "default")]
    [row] = StandingAlarm.objects.all()
    [trouble] = metrics.alarms()
    assert trouble.since == row.since


@pytest.mark.django_db(transaction=True)
def test_what_comes_and_goes_within_minutes_is_one_alarm(heard: list[Any]) -> None:
    began = timezone.now()
    for minute in range(0, 12, 2):
        with time_machine.travel(began + minute * MINUTE, tick=False):
            RouteState.objects.all().delete()
            if minute % 4 == 0:
                circuit_is_open()
            watch.look()
            alarms._told.clear()
    assert [told for told in heard if told[0] == "circuit_open"] == [("circuit_open", "default")]
    RouteState.objects.all().delete()
    with time_machine.travel(began + 20 * MINUTE, tick=False):
        watch.look()
        assert not StandingAlarm.objects.filter(alarm=Alarm.CIRCUIT_OPEN).exists()
        circuit_is_open()
        watch.look()
    assert [told for told in heard if told[0] == "circuit_open"] == [("circuit_open", "default")] * 2


def test_no_mail_is_sent_of_an_alarm_unless_the_site_wants_it() -> None:
    beat_is_dead()
    watch.look()
    assert not Email.objects.exists()


def test_operators_get_a_mail_when_it_begins_and_when_it_is_over(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ALARM_MAIL_TO": ["ops@example.org", "on-call@example.org"]}
    beat_is_dead()
    for _ in range(2):
        watch.look()
    sweep.sweep()
    assert [message.to for message in mail.outbox] == [["ops@example.org"], ["on-call@example.org"]]
    assert "a part gives no sign of life" in mail.outbox[0].subject
    assert "It is about: beat" in str(mail.outbox[0].body)
    assert "/admin/recovery/rollup/" in str(mail.outbox[0].body)
    heartbeats.gone(Part.BEAT)
    StandingAlarm.objects.update(seen_at=timezone.now() - 6 * MINUTE)
    watch.look()
    sweep.sweep()
    assert len(mail.outbox) == 4
    assert "over" in mail.outbox[2].subject
    assert {email.kind for email in Email.objects.all()} == {EmailKind.ALARM}


def test_a_database_that_cannot_be_read_is_the_one_thing_that_is_wrong() -> None:
    part = heartbeats.PartHealth("database", "", healthy=False, age_seconds=None, said="OperationalError")
    dead = heartbeats.Health(healthy=False, parts=[part], level="", waiting=0, oldest_seconds=0.0)
    [trouble] = metrics.alarms(dead)
    assert (trouble.alarm, trouble.subject) == (Alarm.PART_SILENT, "database")


def health() -> Any:
    return staff("recovery.view_heartbeat").get("/recovery/health/")


def test_the_health_view_tells_alarms_and_is_red_for_those_about_mail() -> None:
    assert (health().status_code, health().json()["alarms"]) == (200, [])
    much_lost()
    rollup.roll_up()
    answer = health()
    assert answer.status_code == 503
    told = answer.json()
    [alarm] = told["alarms"]
    assert not told["healthy"]
    assert (alarm["alarm"], alarm["subject"], alarm["since"]) == ("success_low", "", None)
    assert "97.0" in alarm["detail"]


def test_open_cases_are_told_and_wake_nobody() -> None:
    cases_pile_up()
    answer = health()
    assert answer.status_code == 200
    assert [alarm["alarm"] for alarm in answer.json()["alarms"]] == ["cases_piled"]


def test_no_alarm_names_a_persons_address(client: Client) -> None:
    user: Any = UserFactory()
    queue_is_late()
    cases_pile_up()
    text = str([trouble.as_dict() for trouble in metrics.alarms()])
    assert "@" not in text
    assert user.email not in text
