"""What is wrong now, as one list from rows alone: what begins each alarm, and what ends it."""

from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from recovery import agents, counting, heartbeats, metrics, rollup, watch
from recovery.metrics.troubles import CLEAR
from recovery.models import AuditEvent, Email, Lockout, RouteState, StandingAlarm
from recovery.reasons import MOMENTS, Alarm, Circuit, EmailState, Figure, LockKind
from tests.admin.staff import staff
from tests.factories import UserFactory
from tests.past import HOUR, Mail, case
from tests.troubled import (
    BAD,
    CASES,
    MINUTE,
    cases_pile_up,
    everything_beats,
    lately,
    many_names_are_locked,
    much_lost,
    queue_is_late,
    reported_now,
    somebody_acts_on_many,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def everything_lives() -> None:
    everything_beats()


def wrong() -> list[str]:
    """The words of all that is wrong, once the figures know of it."""
    rollup.roll_up()
    return [trouble.alarm.value for trouble in metrics.alarms()]


def test_nothing_is_wrong_on_a_healthy_day() -> None:
    lately(100, used=30)
    assert wrong() == []


def test_every_word_that_rows_can_tell_is_made_here() -> None:
    assert set(CASES) == set(Alarm) - MOMENTS


@pytest.mark.parametrize("alarm", CASES)
def test_each_trouble_is_found_by_its_own_word(alarm: Alarm, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "WEBHOOKS": {"postmark": {}}}
    make, subject = CASES[alarm]
    make()
    rollup.roll_up()
    found = {(trouble.alarm, trouble.subject): trouble for trouble in metrics.alarms()}
    assert (alarm, subject) in found
    assert found[alarm, subject].detail
    allowed = {(alarm, subject), *({(Alarm.SUCCESS_LOW, "")} if alarm == Alarm.BOUNCES_HIGH else ())}
    assert set(found) <= allowed
    assert alarm != Alarm.NOT_ROTATED or found[alarm, subject].detail == "1 person"


@pytest.mark.parametrize(
    "make",
    [
        lambda: lately(49, **BAD),
        lambda: (lately(95, took=20), lately(5, took=90)),
        lambda: (lately(98), lately(2, state=EmailState.FAILED, took=None)),
        lambda: (lately(100), reported_now(lately(2))),
        lambda: reported_now(lately(49)),  # of too few
        lambda: (lately(60), lately(3, hours=40, complained=60)),  # yesterday's trouble
        lambda: [case(email) for email in lately(20, hours=30)],
        lambda: lately(60, state=EmailState.HANDED_OVER, took=None),  # nobody said what became of them
        lambda: lately(60, hours=30, **BAD),  # yesterday's trouble
        lambda: lately(60, state=EmailState.WITHHELD, took=None, left=False),
        lambda: many_names_are_locked(99),
        lambda: many_names_are_locked(kind=LockKind.SOURCE),
        lambda: many_names_are_locked(since=timezone.now() - HOUR),  # it is over
        lambda: [many_names_are_locked(50) for _ in range(3)],  # the same names
        lambda: somebody_acts_on_many(agents.MANY - 1),
    ],
)
def test_too_little_or_too_few_or_what_nobody_knows_is_no_alarm(make: Callable[[], object]) -> None:
    make()
    assert wrong() == []


def test_a_small_site_is_judged_by_its_day_and_a_busy_one_by_its_hour() -> None:
    lately(60, hours=20, **BAD)
    assert wrong() == [Alarm.SUCCESS_LOW, Alarm.BOUNCES_HIGH]
    lately(60, hours=2)
    rollup.again(timezone.now() - 3 * HOUR)
    assert wrong() == [], "the newest fifty are well"


def test_what_is_slow_to_fail_alarms_while_the_newest_hour_knows_only_what_was_quick() -> None:
    """And what stands is not over for as long as nobody can know it."""
    eight = timezone.now().replace(minute=8, second=0, microsecond=0)
    with time_machine.travel(eight, tick=False):
        for hours in (3, 2, 1):
            lately(90, hours=hours)
            lately(10, hours=hours, **BAD)
        for _ in range(60):
            Mail(at=eight - 5 * MINUTE).write()
        told = [Alarm.SUCCESS_LOW, Alarm.BOUNCES_HIGH]
        assert wrong() == told
        for word in told:
            StandingAlarm.objects.create(alarm=word)
        assert wrong() == told
        bounces = [trouble for trouble in metrics.alarms() if trouble.alarm == Alarm.BOUNCES_HIGH]
        assert "(10 of 100)" in bounces[0].detail
        assert bounces[0].selection
        assert counting.rows(Figure.BOUNCED, bounces[0].selection, eight).count() == 10


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


@pytest.mark.parametrize(
    ("spare", "wanted"),
    [
        ({"switched_off": True}, ["no_route", "circuit_open main"]),
        ({"circuit": Circuit.OPEN}, ["no_route", "circuit_open main", "circuit_open spare"]),
        ({"circuit": Circuit.HALF_OPEN}, ["no_route", "circuit_open main", "circuit_open spare"]),
        ({}, ["circuit_open main"]),
    ],
)
def test_no_way_out_is_left_where_each_is_switched_off_or_failed(
    spare: dict[str, Any], wanted: list[str], settings: Any
) -> None:
    ways = [{"NAME": name, "BACKEND": "tests.backends.Unreachable"} for name in ("main", "spare")]
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": ways}
    RouteState.objects.create(name="main", circuit=Circuit.OPEN)
    RouteState.objects.create(name="spare", **spare)
    assert [f"{each.alarm.value} {each.subject}".strip() for each in metrics.alarms()] == wanted


def test_open_cases_must_be_half_as_many_before_that_is_over() -> None:
    cases = [case(email) for email in lately(21, hours=30)]
    watch.look()
    for closed, is_wrong in ((5, True), (10, True), (11, False)):
        for each in cases[:closed]:
            type(each).objects.filter(pk=each.pk).update(closed_at=timezone.now())
        assert (Alarm.CASES_PILED in wrong()) is is_wrong, closed


@pytest.mark.parametrize(("alarm", "subject"), [(Alarm.LOCKOUTS_MANY, "sign-in"), (Alarm.AGENT_VOLUME, "7")])
def test_what_people_do_must_be_half_as_much_before_that_is_over(alarm: Alarm, subject: str) -> None:
    StandingAlarm.objects.create(alarm=alarm, subject=subject)
    for most, is_wrong in ((50, True), (49, False)):
        Lockout.objects.all().delete()
        AuditEvent.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
        many_names_are_locked(most)
        somebody_acts_on_many(most * agents.MANY // 100)
        assert (alarm in wrong()) is is_wrong, most


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


GIVEN_UP = {Alarm.NOT_REVOKED, Alarm.NOT_ROTATED, Alarm.CASE_NOT_TOLD, Alarm.RENDER_ERROR, Alarm.POISON}


@pytest.mark.parametrize("alarm", sorted(metrics.TOLD | GIVEN_UP))
def test_what_no_restart_mends_is_told_and_turns_nothing_red(alarm: Alarm) -> None:
    """A stranger who floods the forgot page must not take a site out of use whose monitor reads this."""
    make, _ = CASES[alarm]
    make()
    answer = health()
    assert answer.status_code == 200
    assert [told["alarm"] for told in answer.json()["alarms"]] == [alarm]


def test_no_alarm_names_a_persons_address(client: Client) -> None:
    user: Any = UserFactory()
    queue_is_late()
    cases_pile_up()
    text = str([trouble.as_dict() for trouble in metrics.alarms()])
    assert "@" not in text
    assert user.email not in text
