"""Case 105: many writers and several sealers at once; the chain has no fork and no gap, and nobody deadlocks."""

import random
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from recovery import audit
from recovery.audit import sealing
from recovery.models import AuditEvent, AuditSeal
from recovery.reasons import Action
from tests.following import trail
from tests.together import at_once
from tests.trail.written import sealed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(105)]

WRITERS = 8
EVENTS = 40


def writer() -> None:
    """Some rows by themselves, some in a transaction that holds them back for a while, some that never were."""
    dice = random.Random()
    for number in range(EVENTS):
        if number % 8 or connection.vendor == "sqlite":
            audit.record(Action.LINK_REVOKED, n=number)
            continue
        try:
            with transaction.atomic():
                audit.record(Action.LINK_REVOKED, n=number)
                AuditEvent.objects.count()
                if dice.random() < 0.2:
                    raise RuntimeError
        except RuntimeError:
            audit.record(Action.LINK_REVOKED, n=number)


def test_what_many_write_is_sealed_once_by_several_sealers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 20)

    def sealer() -> int:
        return sum(audit.seal(seconds=5, far=True) for _ in range(6))

    at_once(*[writer] * WRITERS, *[sealer] * 3)
    audit.seal(far=True)
    assert AuditEvent.objects.count() == WRITERS * EVENTS
    keys = [key for each in AuditSeal.objects.order_by("number") for key in each.row_keys()]
    assert len(keys) == len(set(keys)) == WRITERS * EVENTS
    told = audit.verify()
    assert (told.found, told.waiting, told.last) == ([], 0, WRITERS * EVENTS)


def test_two_purges_at_once_remove_and_note_each_seal_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from recovery.audit import purging, sealing

    monkeypatch.setattr(sealing, "BATCH", 10)
    monkeypatch.setattr(purging, "AT_ONCE", 2)
    sealed(210)
    before = timezone.now() + timedelta(days=1)
    assert sum(at_once(*[lambda: audit.purge(before=before)] * 4)) == 200
    noted = [each["seals"] for each in trail(Action.TRAIL_PURGED)]
    assert sorted(noted) == [[first, first + 1] for first in range(1, 21, 2)]
    audit.seal(far=True)
    assert audit.verify().is_sound


@pytest.mark.postgresql
def test_what_commits_after_its_neighbours_were_sealed_is_sealed_next(transactional_db: Any) -> None:
    """A transaction wrote its row before those of others, and commits after they have their seal."""
    slow = connection.copy()
    try:
        slow.set_autocommit(False)
        with slow.cursor() as cursor:
            first = AuditEvent(action=Action.LINK_REVOKED)
            cursor.execute(
                "INSERT INTO recovery_auditevent (id, occurred_at, action, outcome, actor_key, user_key, reference,"
                " reason, origin, detail) VALUES (%s, now(), %s, 'done', '', '', '', '', '', '{}')",
                [first.pk, first.action],
            )
        audit.record(Action.LINK_REVOKED)
        assert audit.seal() == 1
        slow.commit()
        assert audit.seal() == 1
    finally:
        slow.close()
    assert AuditSeal.objects.latest("number").row_keys() == [first.pk]
    assert audit.verify().is_sound
