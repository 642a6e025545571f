"""Case 80: a request is in the database or it is not; whether its ring reached anybody changes nothing."""

from collections.abc import Callable

import pytest

from recovery.models import Email, ResetRequest
from tests.crashes.conftest import *  # noqa: F403 - its fixtures
from tests.crashes.harness import PLAIN, Judged, Kind, Site, Workers
from tests.crashes.saboteur import Point
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.attack(80)]

TIMES = 5


def test_a_web_process_killed_between_its_commit_and_its_ring_has_taken_on_the_request(
    site_of: Callable[[Kind], Site], workers_of: Callable[[Site], Workers]
) -> None:
    site = site_of(PLAIN)
    workers = workers_of(site)
    users = UserFactory.create_batch(TIMES)
    for user in users:
        workers.killed(Point.ASKED, 1, "ask", identifier=user.email)
    assert ResetRequest.objects.count() == TIMES
    site.settle(workers)
    assert {message.recipients[0] for message in site.provider.ledger.messages} == {user.email for user in users}
    assert site.judge() == Judged(lost=[], doubled=0)


def test_what_is_rolled_back_after_its_ring_is_never_sent(
    site_of: Callable[[Kind], Site], workers_of: Callable[[Site], Workers]
) -> None:
    site = site_of(PLAIN)
    workers = workers_of(site)
    for user in UserFactory.create_batch(TIMES):
        workers.run("roll_back", identifier=user.email)
    site.settle(workers)
    assert not Email.objects.exists()
    assert site.provider.ledger.calls == []
