"""What a worker leaves behind that ends in the middle: a claim that everybody sees, and a try that is counted."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from recovery import delivery
from recovery.models import Email
from recovery.reasons import EmailReason, EmailState
from tests.crashes.harness import PLAIN, Kind, Site, Workers
from tests.crashes.saboteur import Point
from tests.following import notice
from tests.ways_out import told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.attack(98)
def test_a_mail_over_which_every_worker_dies_is_set_aside(
    site_of: Callable[[Kind], Site], workers_of: Callable[[Site], Workers]
) -> None:
    """It may have left: so it has not failed, but rests."""
    site = site_of(PLAIN)
    workers = workers_of(site)
    site.queue(1)
    for _ in range(delivery.MOST_TRIES):
        workers.killed(Point.BEFORE_REQUEST, 1)
        site.end_leases()
    workers.run("sweep")
    email = Email.objects.get()
    assert (email.state, email.reason) == (EmailState.UNKNOWN, EmailReason.POISON)
    assert email.attempt_count == delivery.MOST_TRIES + 1
    assert site.provider.ledger.calls == []


def test_what_is_being_sent_is_seen_to_be_held_by_everybody(settings: Any) -> None:
    """Its row says so over any other connection, before its provider hears of it."""
    seen = list[tuple[str, bool]]()

    def look(message: Any) -> None:
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(read).result()

    def read() -> None:
        email = Email.objects.get()
        seen.append((email.state, email.lease_until is not None))
        connections.close_all()

    email = notice()
    with told(settings, look):
        assert delivery.deliver(email.pk) == EmailState.HANDED_OVER
    assert seen == [(EmailState.SENDING, True)]
