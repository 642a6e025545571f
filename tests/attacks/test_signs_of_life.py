"""Dead beat, dead workers: somebody is told within two minutes, and all mail leaves once they are back (case 89)."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from example_project import servers
from recovery import heartbeats, tasks
from recovery.models import Email, ResetRequest
from recovery.reasons import EmailState, Outcome, Part
from tests.asking import ask, browser
from tests.conftest import database_url
from tests.factories import UserFactory
from tests.following import let_pass, notice

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(89)]

OFF = timedelta(minutes=25)  # mail for links is of no use after thirty


def red() -> set[str]:
    return {part.part for part in heartbeats.health().parts if not part.healthy}


def a_healthy_day() -> None:
    tasks.sweep(by="beat")
    heartbeats.beat(Part.WORKER, "celery@one")
    assert red() == set()


def all_mail_has_left() -> bool:
    return (
        not ResetRequest.objects.filter(outcome=Outcome.RECEIVED).exists()  # a claimed one is being decided
        and not Email.objects.exclude(state=EmailState.HANDED_OVER).exists()
    )


@pytest.mark.slow
def test_workers_that_were_off_are_told_of_within_two_minutes_and_the_next_one_drains_by_itself(
    broker_url: str, tmp_path: Path
) -> None:
    a_healthy_day()
    for _ in range(5):
        ask(browser(), UserFactory.create().email)
        notice()
    let_pass(timedelta(minutes=2))
    assert red() == {Part.BEAT, Part.WORKER, Part.SWEEP, Part.QUEUE}, "beat's own tasks are run by workers"
    let_pass(OFF - timedelta(minutes=2))
    environment = {"DATABASE_URL": database_url(), "REDIS_URL": broker_url, "EMAIL_URL": f"filemail:///{tmp_path}"}
    with servers.celery(environment, concurrency=1) as worker:
        worker.wait_until(all_mail_has_left)
        assert Email.objects.count() == 10
        worker.wait_until(lambda: Part.BEAT not in red())
        heartbeats.gone(Part.WORKER, "celery@one")
        worker.wait_until(lambda: red() == set())


@pytest.mark.slow
def test_a_beat_that_is_off_is_told_of_within_two_minutes_and_mail_goes_on_without_it(
    broker_url: str, tmp_path: Path
) -> None:
    tasks.sweep(by="beat")
    let_pass(timedelta(minutes=2))
    assert red() == {Part.BEAT, Part.SWEEP}
    ask(browser(), UserFactory.create().email)
    let_pass(OFF)
    environment = {"DATABASE_URL": database_url(), "REDIS_URL": broker_url, "EMAIL_URL": f"filemail:///{tmp_path}"}
    with servers.celery(environment, concurrency=1, beat=False) as worker:
        worker.wait_until(all_mail_has_left)
        worker.wait_until(lambda: red() == {Part.BEAT})
        assert Email.objects.count() == 1


def test_the_signs_of_life_that_beat_gives_travel_with_its_own_task(settings: Any) -> None:
    entry: dict[str, Any] = settings.CELERY_BEAT_SCHEDULE["recovery.sweep"]
    sweep: Callable[..., Any] = tasks.sweep
    sweep(**entry["kwargs"])
    assert not heartbeats.silent(Part.BEAT, longer_than=timedelta(seconds=60))
