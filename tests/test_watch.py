"""Who is told of what is wrong: somebody, once, and again when it is over."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from recovery import alarms, heartbeats, metrics, sweep, watch
from recovery.models import Email, RouteState, StandingAlarm
from recovery.reasons import Alarm, EmailKind, Part
from recovery.signals import alarm_sounded
from tests.troubled import MINUTE, beat_is_dead, circuit_is_open, everything_beats

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def everything_lives() -> None:
    everything_beats()


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
    assert sorted(message.to for message in mail.outbox) == [["on-call@example.org"], ["ops@example.org"]]
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
