"""Which tests run where, what may not be skipped, and the real broker and worker that tests ask for by name."""

import gc
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection, connections
from django.test import TransactionTestCase

from example_project import servers
from tests import databases, emptying, named

NEEDED = frozenset({"broker", "browser", "django_source", "postgresql"})
"""Markers of tests that a developer's machine may lack the parts for. CI has them all: there, a skip is a failure."""

ONE_IS_ENOUGH = (
    "tests/admin/test_languages.py",
    "tests/admin/test_matrix.py",
    "tests/admin/test_previews.py",
    "tests/api/test_schemathesis.py",
    "tests/attacks/test_every_page.py",
    "tests/attacks/test_reports.py",
    "tests/attacks/test_secrets.py",
    "tests/attacks/test_signs_of_life.py",
    "tests/attacks/test_worker.py",
    "tests/audiences/test_forged.py",
    "tests/audiences/test_places.py",
    "tests/bounces/",
    "tests/browser/",
    "tests/django_own/",
    "tests/doctor/",
    "tests/domains/",
    "tests/guards/",
    "tests/incidents/test_thousand.py",
    "tests/provider/",
    "tests/provider_lists/",
    "tests/targets/",
    "tests/test_demo.py::test_without_webhooks",
    "tests/test_keeper.py",
    "tests/test_mails.py",
    "tests/test_project.py",
)
"""What asks little of the database, and much of a browser, of templates, of the pages as a whole, of others' servers or
of processes that it starts and waits for. Where both databases are tested, this runs once, on PostgreSQL in a process
beside theirs; so does every test that asks no database at all."""

RELIEVED = ("tests/diagnosis/", "tests/flows/", "tests/privacy/")
"""What the process beside runs on PostgreSQL in place of the one that is named so. That one has most to do, and where
it came to the end alone a core would be idle meanwhile."""

ASKS_A_DATABASE = frozenset({"db", "transactional_db", "live_server", "django_db_setup"})
"""Fixtures of tests that do, where no marker says it. Without marker and fixture pytest-django lets none ask."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--without", metavar="GUARD", help="leave out one guard of the engine: its test must turn red")


def pytest_sessionstart(session: pytest.Session) -> None:
    if name := session.config.getoption("without"):
        from tests.guards import without  # it needs Django to be set up

        if name not in without.GUARDS:
            raise pytest.UsageError(f"There is no guard {name}, but: {', '.join(without.GUARDS)}")
        os.environ[without.NAME] = name
        without.apply()
    from tests import recorded  # as does this

    recorded.watch()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what another process of the session runs: nothing is wrong with it, so it is not a skip."""
    chosen, left_out = [], []
    for item in items:
        if "broker_url" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.broker)
        if item.nodeid.startswith("tests/browser/"):
            item.add_marker(pytest.mark.browser)
        (chosen if runs_here(item) else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = chosen
    if databases.is_one_of_several():
        items.sort(key=lambda item: not waits(item))


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: no search for garbage has to walk through all of it again. Nor
    does a test leave so much that one is worth its while after each seven hundred objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def waits(item: pytest.Item) -> bool:
    """Whether it waits for processes with databases of their own. Those come first, while the other processes of the
    session have work for the processor: pytest-django puts them last, and in the end all would wait at once."""
    return item.get_closest_marker("slow") is not None and item.get_closest_marker("django_db") is None


def runs_here(item: pytest.Item) -> bool:
    """Whether it is this process that runs it: one that was made for a database runs there, wherever else it might."""
    engine = "postgresql" if "postgresql" in settings.DATABASES["default"]["ENGINE"] else "sqlite"
    made_for = [name for name in ("sqlite", "postgresql") if item.get_closest_marker(name)]
    if not databases.is_one_of_several():
        return not made_for or engine in made_for
    if made_for:
        return databases.process() in made_for
    asks = item.get_closest_marker("django_db") or not ASKS_A_DATABASE.isdisjoint(getattr(item, "fixturenames", ()))
    if item.nodeid.startswith(ONE_IS_ENOUGH) or not asks:
        return databases.process() == databases.BESIDE
    on_postgresql = databases.BESIDE if item.nodeid.startswith(RELIEVED) else "postgresql"
    return databases.process() in ("sqlite", on_postgresql)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    from tests import recorded

    recorded.forget()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Whatever a test is about: each row of the trail that the app wrote meanwhile has all facts of its act. And where
    docs/compliance.md says that it shows an act on the trail, the app has written such a row."""
    from tests import recorded

    result = yield
    assert recorded.wrong() == []
    assert named.shown_acts().get(item.nodeid.partition("[")[0], set()) <= recorded.written()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    needs = sorted(NEEDED & {marker.name for marker in item.iter_markers()})
    if report.skipped and needs and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"Skipped under CI, where {', '.join(needs)} must be there: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The tables of all tests, and a quick way to empty them again."""
    with django_db_blocker.unblock():
        for alias in connections:
            emptying.begin(alias)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", emptying.after_test)
        yield


@pytest.fixture(scope="session")
def broker_url() -> str:
    """A real Redis or Valkey, this process's own database in it."""
    if settings.REDIS_URL == databases.NOWHERE:
        pytest.skip("There is no Redis or Valkey here.")
    return settings.REDIS_URL


@pytest.fixture(scope="module")
def worker_environment() -> Mapping[str, str]:
    """What the worker gets on top of our own environment. Override it to name a provider or a base URL."""
    return {}


@pytest.fixture(scope="module")
def worker(broker_url: str, django_db_setup: None, worker_environment: Mapping[str, str]) -> Iterator[servers.Server]:
    """
    A real Celery worker with beat, on this process's test database and broker.

    It sees what is committed: its tests take ``transactional_db`` or ``live_server``. It sends through the mail
    settings of its environment, while our own process keeps Django's outbox.
    """
    redis.Redis.from_url(broker_url).flushdb()
    environment = {"DATABASE_URL": database_url(), "REDIS_URL": broker_url, **worker_environment}
    with servers.celery(environment) as server:
        yield server


def database_url() -> str:
    """Where this process's test database is, for other processes."""
    at = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{at['NAME']}"
    return f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
