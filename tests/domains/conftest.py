"""A DNS of the test's own, and settings that ask it alone."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from tests.domains.dns_server import Server, Zone, serving
from tests.domains.zones import FROM_EMAIL


class Dns:
    """``dns(zone, mode)`` serves it and points the settings there; a second one stands behind the first."""

    def __init__(self, settings: Any, stack: ExitStack) -> None:
        self.settings = settings
        self.stack = stack
        self.places: list[str] = []

    def __call__(self, zone: Zone, mode: str = "honest", *, within: float = 5.0, deadline: float = 30.0) -> Server:
        server = self.stack.enter_context(serving(zone, mode))
        self.places.append(server.place)
        times = {"answer_within": timedelta(seconds=within), "deadline": timedelta(seconds=deadline)}
        self.settings.RECOVERY = {
            "FROM_EMAIL": FROM_EMAIL,
            "DKIM_SELECTORS": ["s1"],
            **self.settings.RECOVERY,
            "DNS": {"resolvers": list(self.places), **times},
        }
        return server

    def again(self, zone: Zone) -> Server:
        """The zone as it is now, in the place of those before."""
        self.places.clear()
        return self(zone)


@pytest.fixture
def dns(settings: Any) -> Iterator[Dns]:
    with ExitStack() as stack:
        yield Dns(settings, stack)
