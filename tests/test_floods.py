"""Asks that are far more than usual sound an alarm, once for a while, and stop nobody."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from recovery import alarms, floods, heartbeats, resets, watch
from recovery.models import ResetRequest
from recovery.reasons import Alarm, Outcome, Part
from recovery.signals import alarm_sounded
from tests.asking import ask, asked, browser, statements
from tests.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def heard() -> Iterator[list[tuple[Alarm, str, str]]]:
    told: list[tuple[Alarm, str, str]] = []

    def hear(sender: Any, alarm: Alarm, subject: str, detail: str, **kwargs: Any) -> None:
        told.append((alarm, subject, detail))

    heartbeats.beat(Part.SWEEP)
    alarms._told.clear()
    alarm_sounded.connect(hear)
    yield told
    alarm_sounded.disconnect(hear)
    alarms._told.clear()


def asks(number: int, ago: timedelta = timedelta()) -> None:
    """So many asks at one moment, so long ago, each from a place and for a name of its own."""
    with time_machine.travel(timezone.now() - ago - timedelta(minutes=2), tick=False):
        for each in range(number):
            ask(browser(REMOTE_ADDR=f"2001:db8:{each:x}::1"), f"reader{each}@example.com")


def test_a_hundred_asks_where_nobody_asked_before_are_told_to_somebody(heard: list[Any]) -> None:
    asks(99)
    watch.look()
    assert heard == []
    asks(1)
    watch.look()
    [(alarm, subject, detail)] = heard
    assert (alarm, subject) == (Alarm.ASKS_UNUSUAL, "forgot")
    assert detail.startswith("100 asks in ten minutes from 99 places, at most 0 at this time")
    assert "@" not in detail
    assert "2001" not in detail
    alarms._told.clear()  # another worker's process
    watch.look()
    assert len(heard) == 1


@pytest.mark.parametrize(("before", "is_unusual"), [(24, True), (25, False)])
@pytest.mark.parametrize("days", [1, 7])
def test_four_times_what_was_asked_at_this_time_of_the_last_seven_days_is_usual(
    before: int, is_unusual: bool, days: int
) -> None:
    asks(before, timedelta(days=days))
    asks(100)
    assert (floods.unusual() is not None) is is_unusual


@pytest.mark.parametrize("ago", [timedelta(days=8), timedelta(days=1, hours=-3), timedelta(days=6, hours=12)])
def test_other_times_of_the_day_and_older_days_are_no_measure(ago: timedelta) -> None:
    asks(60, ago)
    asks(100)
    flood = floods.unusual()
    assert flood
    assert flood.usual == 0


def test_what_was_asked_a_quarter_of_an_hour_ago_is_over() -> None:
    asks(110, timedelta(minutes=9))
    assert floods.unusual() is None


def test_nobody_is_shut_out_by_a_flood_and_what_a_limit_refused_is_told() -> None:
    asks(120)
    for _ in range(30):
        ask(browser(REMOTE_ADDR="203.0.113.9"), "somebody@example.com")
    flood = floods.unusual()
    assert flood
    assert (flood.asks, flood.refused) == (150, 25)
    ask(browser(REMOTE_ADDR="192.0.2.1"), UserFactory.create().email)
    assert asked().outcome == Outcome.RECEIVED


def test_what_staff_and_the_site_send_is_no_flood(settings: Any) -> None:
    staff = StaffFactory.create()
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"staff": (1000, timedelta(hours=1))}}
    user = UserFactory.create(password=None)
    for _ in range(100):
        resets.activate(user, actor=staff, reason="an import")
    assert ResetRequest.objects.count() == 100
    assert floods.unusual() is None


def test_a_look_while_all_is_quiet_is_one_statement() -> None:
    asks(5)
    with statements() as found:
        assert floods.unusual() is None
    assert len(found.texts) == 1
