"""A provider that reports nothing, and a route that no test before has told anything of."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from example_project import provider as providers
from example_project.provider import Provider
from recovery.routes import Route

NUMBERS = count()


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = providers.start(webhooks=False)
    yield provider
    provider.stop()


@pytest.fixture
def route(settings: Any) -> Route:
    """One nobody has heard of: each process remembers when it last told a route's circuit that all is well."""
    name = f"route {next(NUMBERS)}"
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [{"NAME": name, "BACKEND": "tests.backends.Unreachable"}]}
    return Route(name)
