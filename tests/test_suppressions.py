"""Addresses that must not be mailed: from when, until when, and who lets them go."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from recovery import suppressions
from recovery.models import AuditEvent, Suppression
from recovery.reasons import Action
from tests.asking import statements
from tests.factories import StaffFactory
from tests.following import failing, let_pass

pytestmark = pytest.mark.django_db(transaction=True)

ADA, BOB = "ada@example.com", "bob@example.com"


def test_a_suppressed_address_is_told_with_its_reason_however_it_is_spelled() -> None:
    suppressions.add("Ada@Example.com", reason="bounced", source="postmark")
    assert suppressions.of([ADA, BOB]) == {ADA: "bounced"}


def test_several_addresses_are_one_statement_and_none_is_none() -> None:
    for address in (ADA, BOB):
        suppressions.add(address, reason="bounced", source="postmark")
    with statements() as found:
        assert suppressions.of(key for key in (ADA, BOB, ADA)) == {ADA: "bounced", BOB: "bounced"}
    assert len(found.texts) == 1
    with statements() as found:
        assert suppressions.of([]) == {}
    assert found.texts == []


def test_one_with_an_end_is_over_after_it() -> None:
    suppressions.add(ADA, reason="staff", source="ours", until=timezone.now() + timedelta(hours=1))
    let_pass(timedelta(minutes=59))
    assert suppressions.of([ADA])
    let_pass(timedelta(minutes=2))
    assert suppressions.of([ADA]) == {}


def test_of_several_reasons_the_newest_is_told_and_what_is_left_holds() -> None:
    suppressions.add(ADA, reason="bounced", source="postmark")
    newest = suppressions.add(ADA, reason="complained", source="postmark")
    assert suppressions.of([ADA]) == {ADA: "complained"}
    suppressions.lift(newest, actor=StaffFactory.create(), reason="a mistake")
    assert suppressions.of([ADA]) == {ADA: "bounced"}


def test_staff_lift_it_with_a_reason_once_and_the_trail_names_no_address() -> None:
    actor, row = StaffFactory.create(), suppressions.add(ADA, reason="bounced", source="postmark")
    for _ in range(2):
        suppressions.lift(row, actor=actor, reason="the mailbox is back")
    assert suppressions.of([ADA]) == {}
    row.refresh_from_db()
    assert row.lifted_at is not None
    assert (row.lifted_by, row.lift_reason) == (str(actor.pk), "the mailbox is back")
    added, lifted = AuditEvent.objects.order_by("occurred_at", "id")
    assert (added.action, added.detail) == (
        Action.SUPPRESSED,
        {"suppression": str(row.pk), "why": "bounced", "source": "postmark"},
    )
    assert (lifted.action, lifted.actor_key, lifted.reason, lifted.detail) == (
        Action.SUPPRESSION_LIFTED,
        str(actor.pk),
        "the mailbox is back",
        {"suppression": str(row.pk), "by": "staff"},
    )
    assert "ada" not in repr(list(AuditEvent.objects.values()))


def test_neither_changes_when_its_row_of_the_trail_cannot_be_written() -> None:
    with failing('INSERT INTO "recovery_auditevent"'), pytest.raises(OperationalError):
        suppressions.add(ADA, reason="bounced", source="postmark")
    assert not Suppression.objects.exists()
    row = suppressions.add(ADA, reason="bounced", source="postmark")
    with failing('INSERT INTO "recovery_auditevent"'), pytest.raises(OperationalError):
        suppressions.lift(row, actor=StaffFactory.create(), reason="the mailbox is back")
    assert suppressions.of([ADA])
