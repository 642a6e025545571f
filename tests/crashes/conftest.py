"""A provider, and workers of each kind of site, that the tests of a module share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from example_project import provider as providers
from example_project.provider import Provider
from tests.conftest import database_url
from tests.crashes.harness import Kind, Site, Workers


@pytest.fixture(scope="module")
def shared_provider() -> Iterator[Provider]:
    with_us = providers.start(webhooks=False)
    yield with_us
    with_us.stop()


@pytest.fixture
def provider(shared_provider: Provider) -> Provider:
    """Well, and with an empty ledger."""
    shared_provider.mode("ok")
    shared_provider.ledger.clear()
    shared_provider.firsts.clear()
    return shared_provider


@pytest.fixture
def site_of(provider: Provider) -> Callable[[Kind], Site]:
    return lambda kind: Site(provider, kind, database_url())


@pytest.fixture(scope="module")
def workers_of(django_db_setup: None, shared_provider: Provider) -> Iterator[Callable[[Site], Workers]]:
    """The template of a site's workers; started once for each kind."""
    with ExitStack() as stack:
        started: dict[str, Workers] = {}

        def of(site: Site) -> Workers:
            if site.kind.name not in started:
                started[site.kind.name] = stack.enter_context(Workers(site.environment))
            return started[site.kind.name]

        yield of
