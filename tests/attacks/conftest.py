"""The person at whom attacks are aimed, and the search for what must rest nowhere."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.db import connection
from django.test import Client

from tests.attacks.searching import Log, Search
from tests.factories import StaffFactory, UserFactory


@pytest.fixture
def victim() -> Any:
    return UserFactory.create(username="mike", email="mike@example.org")


@pytest.fixture
def log() -> Iterator[Log]:
    handler = Log()
    loggers = [logging.root, *[it for it in logging.root.manager.loggerDict.values() if isinstance(it, logging.Logger)]]
    before = [(logger, logger.level, logger.propagate, logger.disabled) for logger in loggers]
    for logger in loggers[1:]:
        logger.level, logger.propagate, logger.disabled = logging.NOTSET, True, False
    logging.root.setLevel(logging.DEBUG)
    logging.root.addHandler(handler)
    connection.force_debug_cursor = True
    yield handler
    connection.force_debug_cursor = False
    logging.root.removeHandler(handler)
    for logger, level, propagate, disabled in before:
        logger.setLevel(level)
        logger.propagate, logger.disabled = propagate, disabled


@pytest.fixture
def search(log: Log, broker_url: str) -> Iterator[Search]:
    redis.Redis.from_url(broker_url).flushdb()
    staff = Client()
    staff.force_login(StaffFactory.create(is_superuser=True))
    yield Search(log, broker_url, staff)
    redis.Redis.from_url(broker_url).flushdb()
