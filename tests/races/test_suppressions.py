"""Bounces of one address at once: one suppression, whichever provider's post came first."""

import threading
from functools import partial
from typing import Any

import pytest
from django.db import connection

from recovery import suppressions
from recovery.models import Email, Suppression
from tests.factories import StaffFactory
from tests.ladder import reported
from tests.reporting import queued
from tests.together import at_once

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 5


def told_of(emails: list[Email], together: threading.Barrier) -> None:
    """A provider's posts about these. Connected before the first, so that all begin in the same moment."""
    connection.ensure_connection()
    together.wait(timeout=60)
    for email in emails:
        reported(email, detail="550 5.1.1 no such user")


@pytest.mark.parametrize("lap", range(ROUNDS))
def test_bounces_of_one_address_at_once_stop_it_once_and_one_lift_frees_it(lap: int) -> None:
    emails = [queued("ada@example.com")[0] for _ in range(8)]
    together = threading.Barrier(4)
    at_once(*[partial(told_of, emails[number::4], together) for number in range(4)])
    row: Any = Suppression.objects.get()
    assert suppressions.of(["ada@example.com"])
    suppressions.lift(row, actor=StaffFactory.create(), reason="she asked")
    assert not suppressions.of(["ada@example.com"])
