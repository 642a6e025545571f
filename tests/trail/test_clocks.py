"""When something happened is said by the database, whatever the clock of who wrote it says."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from recovery.models import AuditEvent, Suppression
from recovery.reasons import Action
from tests.factories import UserFactory
from tests.ladder import asks, reported

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.postgresql
def test_what_a_report_stops_and_a_delivery_frees_bears_the_time_of_the_database() -> None:
    email, now = asks(UserFactory.create()), timezone.now()
    with time_machine.travel(now - timedelta(minutes=9)):  # a worker whose clock is slow
        reported(email, detail="550 5.1.1 unknown")
        reported(email, "delivered", occurred_at=now)
    acts = AuditEvent.objects.filter(action__in=(Action.SUPPRESSED, Action.SUPPRESSION_LIFTED))
    times = list(acts.values_list("occurred_at", flat=True))
    assert len(times) == 2
    assert min(times) >= now
    assert Suppression.objects.get(lifted_at__gte=now).lift == "delivery"
