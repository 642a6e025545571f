"""Health turns red within two minutes for each dead part, says which, and is green again by itself."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError

from recovery import delivery, heartbeats, level, retention, tasks
from recovery.models import Email, Heartbeat, RouteState
from recovery.reasons import Circuit, EmailReason, MailLevel, Part
from recovery.sweep import sweep
from tests.asking import ask, browser, statements, work
from tests.factories import StaffFactory, UserFactory
from tests.following import failing, let_pass, notice
from tests.living import dies_with_time, everything_lives, red

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)


def circuit(word: Circuit) -> None:
    reason = "" if word == Circuit.CLOSED else EmailReason.PROVIDER_DOWN
    RouteState.objects.update_or_create(name="default", defaults={"circuit": word, "reason": reason})


DEATHS: dict[Part, tuple[str, Callable[[], object], Callable[[], object]]] = {
    Part.BEAT: ("", dies_with_time, lambda: tasks.sweep(by="beat")),
    Part.SWEEP: ("", dies_with_time, sweep),
    Part.WORKER: ("celery@one", dies_with_time, lambda: heartbeats.beat(Part.WORKER, "celery@one")),
    Part.ROUTE: ("default", lambda: circuit(Circuit.OPEN), lambda: circuit(Circuit.CLOSED)),
    Part.QUEUE: ("email", lambda: (notice(), dies_with_time()), lambda: delivery.deliver(Email.objects.get().pk)),
}
"""Of each part: its name, how it dies, and what happens when it lives again. That of webhooks is in test_silence."""


@pytest.mark.parametrize("part", DEATHS)
def test_each_dead_part_turns_health_red_within_two_minutes_and_green_by_its_next_sign(part: Part) -> None:
    name, die, live = DEATHS[part]
    everything_lives()
    assert red() == set()
    die()
    everything_else_lives(part)
    assert red() == {(part, name)}
    live()
    assert red() == set()


def everything_else_lives(part: Part) -> None:
    for other in {Part.BEAT, Part.SWEEP, Part.WORKER} - {part}:
        heartbeats.beat(other, "celery@one" if other == Part.WORKER else "")


def test_a_part_is_not_red_for_missing_three_of_its_signs() -> None:
    everything_lives()
    let_pass(timedelta(seconds=50))
    assert red() == set()


def test_where_nothing_has_ever_run_that_is_said() -> None:
    [sick] = [part for part in heartbeats.health().parts if not part.healthy]
    assert (sick.part, sick.said) == ("sweep", "nothing has ever run")


def test_a_site_without_beat_and_workers_is_healthy_while_its_loop_sweeps() -> None:
    sweep()
    assert red() == set()


def test_of_several_workers_the_dead_one_is_named_and_forgotten_in_an_hour_while_another_lives() -> None:
    for name in ("celery@one", "celery@two"):
        heartbeats.beat(Part.WORKER, name)
    sweep()
    for time, sick in ((2 * MINUTE, {("worker", "celery@one")}), (58 * MINUTE, set())):
        let_pass(time)
        sweep()
        heartbeats.beat(Part.WORKER, "celery@two")
        assert red() == sick
    let_pass(61 * MINUTE)
    sweep()
    assert red() == {("worker", "celery@one"), ("worker", "celery@two")}, "nobody does their work"


def test_a_part_that_ends_on_purpose_is_missed_by_nobody() -> None:
    everything_lives()
    assert heartbeats.gone(Part.WORKER, "celery@one")
    assert not heartbeats.gone(Part.WORKER, "celery@one")
    dies_with_time()
    tasks.sweep(by="beat")
    assert red() == set()


def test_a_sign_is_written_at_most_every_ten_seconds() -> None:
    heartbeats.beat(Part.BEAT)
    before = Heartbeat.objects.get().beat_at
    heartbeats.beat(Part.BEAT)
    assert Heartbeat.objects.get().beat_at == before
    let_pass(timedelta(seconds=11))
    heartbeats.beat(Part.BEAT)
    assert Heartbeat.objects.get().beat_at >= before


def test_a_sign_of_a_clock_that_was_ahead_is_written_over() -> None:
    heartbeats.beat(Part.BEAT)
    let_pass(-timedelta(days=1))
    heartbeats.beat(Part.BEAT)
    dies_with_time()
    sweep()
    assert red() == {("beat", "")}


@pytest.mark.parametrize("verb", [heartbeats.beat, heartbeats.gone])
@pytest.mark.parametrize("error", [OperationalError("the disk is full"), InterfaceError("connection already closed")])
def test_a_database_that_refuses_a_sign_stops_nobody(
    verb: Any, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    heartbeats.beat(Part.WORKER, "celery@one")
    let_pass(MINUTE)
    with failing("recovery_heartbeat", error) as refused:
        verb(Part.WORKER, "celery@one")
    assert refused
    assert "celery@one" in caplog.text


def test_silence_is_that_of_all_parts_of_a_kind() -> None:
    half = timedelta(seconds=30)
    assert heartbeats.silent(Part.WORKER, longer_than=half)
    heartbeats.beat(Part.WORKER, "celery@one")
    let_pass(MINUTE)
    assert heartbeats.silent(Part.WORKER, longer_than=half)
    heartbeats.beat(Part.WORKER, "celery@two")
    assert not heartbeats.silent(Part.WORKER, longer_than=half)
    assert heartbeats.silent(Part.SWEEP, longer_than=half)


def test_a_route_that_is_switched_off_is_healthy_unless_it_was_the_last(settings: Any) -> None:
    console = "django.core.mail.backends.console.EmailBackend"
    routes = [{"NAME": name, "BACKEND": console} for name in ("main", "spare")]
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": routes}
    sweep()
    RouteState.objects.update_or_create(name="main", defaults={"switched_off": True, "circuit": Circuit.OPEN})
    assert red() == set()
    RouteState.objects.update_or_create(name="spare", defaults={"switched_off": True})
    assert red() == {("route", "main"), ("route", "spare")}


def test_a_route_that_is_in_the_settings_no_more_makes_nothing_red() -> None:
    sweep()
    RouteState.objects.create(name="gone", circuit=Circuit.OPEN, reason=EmailReason.PROVIDER_DOWN)
    assert red() == set()


def test_a_request_that_nobody_decides_is_a_queue_too() -> None:
    ask(browser(), UserFactory.create().email)
    let_pass(timedelta(seconds=66))
    heartbeats.beat(Part.SWEEP)
    assert red() == {("queue", "request")}
    found = heartbeats.health()
    assert found.waiting == 1
    assert 60 < found.oldest_seconds < 70
    work()
    assert red() == set()


def test_the_level_is_told_and_never_red() -> None:
    sweep()
    level.switch(MailLevel.NONE, actor=StaffFactory.create(), reason="flood")
    found = heartbeats.health()
    assert (found.healthy, found.level) == (True, "none")


def test_health_writes_nothing_and_costs_the_same_however_much_waits() -> None:
    everything_lives()
    with statements() as few:
        heartbeats.health()
    for _ in range(5):
        notice()
    with statements() as many:
        heartbeats.health()
    assert len(many.texts) == len(few.texts) <= 6
    assert all(text.startswith("SELECT") for text in many.texts)


def test_a_database_that_cannot_be_read_is_red() -> None:
    with failing("recovery_heartbeat", OperationalError("gone")):
        found = heartbeats.health()
    assert not found.healthy
    assert [(part.part, part.said) for part in found.parts] == [("database", "OperationalError")]


def test_yesterdays_dead_workers_are_purged_and_the_last_of_a_kind_stays_red() -> None:
    for name in ("celery@one", "celery@two"):
        heartbeats.beat(Part.WORKER, name)
    heartbeats.beat(Part.BEAT)
    let_pass(timedelta(hours=25))
    assert (retention.outlook().heartbeats, retention.purge().heartbeats) == (0, 0)
    heartbeats.beat(Part.WORKER, "celery@three")
    assert (retention.outlook().heartbeats, retention.purge().heartbeats) == (2, 2)
    assert set(Heartbeat.objects.values_list("name", flat=True)) == {"beat", "worker:celery@three"}
