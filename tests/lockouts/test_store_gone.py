"""A Redis that is emptied or killed while somebody guesses: it is broker and cache of the site, and counts nothing.

What is counted and kept of sign-ins beside it, and a broker that was never there, stands in ``test_keeping``.
"""

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.core.cache import cache
from redis.exceptions import ConnectionError as Unreachable

from example_project import servers
from recovery import bell, lockouts
from recovery.models import Lockout
from tests import hash_spy
from tests.signing_in import LIMIT, fail, lockouts_of, sign_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(59)]

GUESSES = 4 * LIMIT
Uses = Callable[[str], redis.Redis]


@pytest.fixture
def uses(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Uses]:
    """The site rings its workers by the Redis at a URL, and keeps its cache and its sessions in it."""

    def use(url: str) -> redis.Redis:
        monkeypatch.setattr(bell, "_silent_until", 0.0)
        monkeypatch.setenv("CELERY_BROKER_WRITE_URL", url)
        bell._producers.cache_clear()
        settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}}
        return redis.Redis.from_url(url)

    yield use
    bell.settle(60)
    bell._producers.cache_clear()


@pytest.mark.parametrize("limit_reached", [False, True], ids=["before each guess", "after the lock"])
def test_emptying_redis_between_guesses_frees_none(ada: Any, uses: Uses, broker_url: str, limit_reached: bool) -> None:
    client = uses(broker_url)
    if limit_reached:
        fail("ada", LIMIT)
    for _ in range(GUESSES):
        cache.set("planted", "here")
        assert client.dbsize()
        client.flushdb()
        assert cache.get("planted") is None
        fail("ada")
        assert hash_spy.hashed() <= LIMIT
    assert hash_spy.hashed() == LIMIT
    assert not sign_in("ada")
    assert hash_spy.hashed() == LIMIT
    assert len(lockouts_of(ada)) == 1


@pytest.mark.usefixtures("broker_url")  # where there is a program for it, one more can be started
@pytest.mark.parametrize("before", [0, LIMIT - 1, LIMIT])
def test_killing_redis_in_mid_attack_frees_no_guess(ada: Any, uses: Uses, before: int) -> None:
    with servers.broker() as server:
        client = uses(server.url)
        cache.set("planted", "here")
        fail("ada", before)
        assert hash_spy.hashed() == before
        kill(server, client)
        fail("ada", GUESSES)
        assert hash_spy.hashed() == LIMIT
        assert not sign_in("ada")
        assert hash_spy.hashed() == LIMIT
        assert list(lockouts.untold()) == list(Lockout.objects.all()) == lockouts_of(ada)


def kill(server: servers.Server, client: redis.Redis) -> None:
    """End the server of this test without a word, and see that it is gone."""
    assert server.process is not None
    os.kill(int(client.info("server")["process_id"]), signal.SIGKILL)
    server.process.wait(timeout=60)
    client.connection_pool.disconnect()
    with pytest.raises(Unreachable):
        client.ping()
    with pytest.raises(Unreachable):
        cache.get("planted")
