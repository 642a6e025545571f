"""Seals are made in the background, miss nothing that commits late, and never fork."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recovery import audit, schedule, sweep, tasks
from recovery.audit import sealing
from recovery.models import AuditEvent, AuditSeal
from recovery.models.insertion import insert
from recovery.reasons import Action
from tests.asking import ask, browser
from tests.trail.written import rows, sealed

pytestmark = pytest.mark.django_db


def positions() -> list[tuple[int, int]]:
    return list(AuditSeal.objects.order_by("number").values_list("first", "count"))


def test_every_row_gets_one_seal_in_the_order_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 10)
    made = sealed(25)
    assert positions() == [(1, 10), (11, 10), (21, 5)]
    keys = [key for each in AuditSeal.objects.order_by("number") for key in each.row_keys()]
    assert keys == [row.pk for row in made]
    assert audit.seal(far=True) == 0


@pytest.mark.django_db(transaction=True)
def test_beat_seals_every_few_seconds_and_so_does_the_sweep() -> None:
    assert schedule.beat_schedule()["recovery.seal_audit"]["schedule"] <= timedelta(seconds=5)
    audit.record(Action.LINK_REVOKED)
    tasks.seal_audit()
    assert positions() == [(1, 1)]
    audit.record(Action.LINK_REVOKED)
    sweep.sweep()
    assert sum(count for _, count in positions()) == AuditEvent.objects.count()


def test_a_row_that_commits_late_is_sealed_at_the_next_far_look() -> None:
    now = timezone.now()
    sealed(1, at=now)
    rows(1, at=now - timedelta(seconds=90))
    assert audit.seal() == 1, "the near look goes back two minutes"
    late = rows(1, at=now - timedelta(minutes=100))
    sealing._looked_far["at"] = sealing.time.monotonic()
    assert audit.seal() == 0
    assert audit.seal(far=True) == 1
    assert AuditSeal.objects.latest("number").row_keys() == [late[0].pk]
    rows(1, at=now - timedelta(minutes=101))
    sealing._looked_far["at"] -= sealing.EVERY + 1
    assert audit.seal() == 1, "and once a minute without being told to"
    assert audit.verify().is_sound


def test_a_row_with_a_time_that_is_long_past_gets_no_seal_and_is_told() -> None:
    now = timezone.now()
    sealed(2, at=now - timedelta(days=1), step=timedelta(hours=12))
    [row] = rows(1, at=now - timedelta(days=1, hours=3))
    assert audit.seal(far=True) == 0
    [found] = audit.verify().found
    assert (found.position, found.damage, found.key) == (1, "inserted", str(row.pk))


def test_a_clock_that_is_ahead_hides_no_row_of_the_others() -> None:
    now = timezone.now()
    sealed(1, at=now + timedelta(minutes=50))
    rows(1, at=now - timedelta(seconds=30))
    assert audit.seal() == 1


def test_a_key_that_is_far_ahead_is_sealed_at_once_and_neither_stalls_nor_skips_what_comes_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = timezone.now()
    rows(1, at=now)
    ahead = rows(1, at=now + timedelta(hours=3))
    assert audit.seal(far=True) == 2
    insert(AuditEvent(id=UUID(int=2**128 - 1), action=Action.LINK_REVOKED))
    assert audit.seal(far=True) == 1
    assert positions() == [(1, 1), (2, 1), (3, 1)], "what is ahead has a seal of its own"
    rows(1, at=now + timedelta(minutes=30))
    assert audit.seal(far=True) == 1
    # Everything stood still until after the time of that key.
    rows(1, at=now + timedelta(minutes=45))
    monkeypatch.setattr(sealing.timezone, "now", lambda: now + timedelta(hours=6))
    assert audit.seal(far=True) == 1
    assert audit.seal(far=True) == 0, "nothing twice"
    assert ahead[0].pk in AuditSeal.objects.get(number=2).row_keys()
    assert audit.verify().is_sound


def test_who_is_slower_writes_no_second_seal_of_the_same_number() -> None:
    sealed(3)
    audit.record(Action.LINK_REVOKED)
    last = audit.newest()
    [key] = list(sealing.unsealed(sealing.LATE))
    slow = sealing._made(last, [key])
    assert audit.seal(far=True) == 1
    assert sealing._write(slow, last) is False
    assert positions() == [(1, 3), (4, 1)]


def test_an_ask_runs_no_statement_for_the_chain(settings: Any) -> None:
    client = browser()
    with CaptureQueriesContext(connection) as ran:
        ask(client, "amelie@example.com")
    assert not [each for each in ran.captured_queries if "auditseal" in each["sql"]]
