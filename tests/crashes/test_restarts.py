"""Workers that are told to end while they work, and brokers that forget everything."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import redis
from django.utils import timezone

from example_project import servers
from recovery import bell, delivery, schedule
from recovery.models import Email, Heartbeat, ResetRequest
from recovery.reasons import EmailState, Outcome, Part
from tests.asking import ask, browser
from tests.crashes.harness import KEYED, PLAIN, Judged, Kind, Site, Workers
from tests.crashes.saboteur import Point
from tests.factories import UserFactory
from tests.following import let_pass

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.mark.attack(84)
def test_what_a_killed_worker_held_is_sent_by_the_first_sweep_after_its_lease(
    site_of: Callable[[Kind], Site], workers_of: Callable[[Site], Workers]
) -> None:
    site = site_of(PLAIN)
    workers = workers_of(site)
    site.queue(1)
    workers.killed(Point.CLAIMED, 1)
    let_pass(delivery.LEASE - timedelta(seconds=10))
    workers.run("sweep")
    assert Email.objects.get().state == EmailState.SENDING, "its worker might still live"
    let_pass(timedelta(seconds=11))
    workers.run("sweep")
    assert Email.objects.get().state == EmailState.HANDED_OVER
    every = schedule.beat_schedule()["recovery.sweep"]["schedule"]
    assert delivery.LEASE + every < timedelta(minutes=2)


@pytest.mark.attack(85)
def test_workers_that_are_told_to_end_under_load_lose_and_double_nothing(
    site_of: Callable[[Kind], Site], workers_of: Callable[[Site], Workers], broker_url: str
) -> None:
    site = site_of(KEYED)
    site.provider.mode("slow", seconds=0.5)
    redis.Redis.from_url(broker_url).flushdb()
    for _ in range(3):
        arrived = len(site.provider.ledger.messages)
        with servers.celery({**site.environment, "REDIS_URL": broker_url}, beat=False) as worker:
            site.fill(200)
            bell.ring("recovery.send_email")
            worker.wait_until(lambda arrived=arrived: len(site.provider.ledger.messages) > arrived + 3)
    assert Email.objects.due().exists(), "they were in the middle of it"
    site.provider.mode("ok")
    site.settle(workers_of(site))
    assert site.judge() == Judged(lost=[], doubled=0)


@pytest.mark.attack(85)
def test_a_loop_that_is_told_to_end_under_load_ends_by_itself_and_gives_back_what_it_holds(
    site_of: Callable[[Kind], Site], workers_of: Callable[[Site], Workers]
) -> None:
    site = site_of(PLAIN)
    workers = workers_of(site)
    site.provider.mode("slow", seconds=0.02)
    for _ in range(3):
        site.fill(200)
        assert workers.run("loop", seconds=0.3) == 0
        assert not Email.objects.filter(state=EmailState.SENDING).exists()
    assert Email.objects.due().exists(), "they were in the middle of it"
    site.provider.mode("ok")
    workers.run("sweep")
    assert site.judge() == Judged(lost=[], doubled=0)


@pytest.mark.attack(83)
@pytest.mark.parametrize("point", [Point.CLAIMED, Point.COMMITTED])
def test_a_celery_worker_that_is_killed_with_its_pool_loses_and_doubles_nothing(
    point: Point, site_of: Callable[[Kind], Site], workers_of: Callable[[Site], Workers], broker_url: str
) -> None:
    """It had a task in its hands that the broker knows nothing of any more."""
    site = site_of(PLAIN)
    redis.Redis.from_url(broker_url).flushdb()
    # Somebody sweeps, so that its keeper does not: a second drain in that process could be between answer and note.
    Heartbeat.objects.create(name="sweep", part=Part.SWEEP, beat_at=timezone.now() + timedelta(minutes=10))
    environment = {**site.environment, "REDIS_URL": broker_url, "CRASH_AT": f"{point}:2"}
    with servers.celery(environment, beat=False, concurrency=1, app="tests.crashes.app:app") as worker:
        site.queue(20)
        bell.ring("recovery.send_email")
        with pytest.raises(servers.ServerDied):
            worker.wait_until(lambda: False, seconds=60)
        assert not worker.is_alive
    assert Email.objects.exclude(state=EmailState.HANDED_OVER).exists(), "it was in the middle of it"
    site.settle(workers_of(site))
    assert site.judge() == Judged(lost=[], doubled=0)


@pytest.mark.attack(82)
def test_what_a_broker_forgets_is_sent_all_the_same(
    site_of: Callable[[Kind], Site], workers_of: Callable[[Site], Workers], broker_url: str
) -> None:
    site = site_of(KEYED)
    site.provider.mode("slow", seconds=0.05)
    broker = redis.Redis.from_url(broker_url)
    broker.flushdb()
    users = UserFactory.create_batch(20)
    with servers.celery({**site.environment, "REDIS_URL": broker_url}, beat=False) as worker:
        for half in (users[:10], users[10:]):
            arrived = len(site.provider.ledger.messages)
            for user in half:
                ask(browser(REMOTE_ADDR=f"198.51.100.{user.pk % 250}"), user.email)
            site.queue(10)
            bell.ring("recovery.send_email")
            if arrived == 0:
                worker.wait_until(lambda: bool(site.provider.ledger.messages))
            broker.flushdb()
    site.settle(workers_of(site))
    assert ResetRequest.objects.filter(outcome=Outcome.SENT).count() == len(users)
    assert Email.objects.count() == len(users) + 20
    assert site.judge() == Judged(lost=[], doubled=0)
