"""Rows are read for their digests as Django reads them, only faster; and what nobody of ours wrote stops no reader."""

from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from recovery import audit
from recovery.audit import offline, reading
from recovery.models import AuditEvent
from recovery.reasons import Action, Damage
from tests.trail.written import AT, rows, run, sealed

pytestmark = pytest.mark.django_db

ODD: list[dict[str, Any]] = [
    {"detail": {}},
    {"detail": {"b": [1, 2.5, None, True, "\u2028é\\"], "a": {"ü": '"x"', "n": 10**17}}},
    {"reason": 'tab\t, \u0085, 😀 and \\ "quotes"', "actor_key": "é"},
    {"request_id": UUID(int=7), "email_id": UUID("0190163d-8694-739b-aea5-966c26f8ad91")},
]


def as_django_reads(row: AuditEvent) -> list[Any]:
    at, *others = [getattr(row, name) for name in offline.FIELDS]
    plain = [str(value) if isinstance(value, UUID) else value for value in others]
    return [at.astimezone(UTC).isoformat(timespec="microseconds"), *plain]


@pytest.mark.parametrize("facts", ODD)
def test_values_are_those_that_django_reads(facts: dict[str, Any]) -> None:
    for at in (AT, AT + timedelta(microseconds=120_000), AT.replace(year=1999)):
        rows(1, at=at, **facts)
    audit.record(Action.LINK_REVOKED)  # the database says when
    read = dict(reading.values_of(AuditEvent.objects.order_by()))
    assert read == {row.pk.bytes: as_django_reads(row) for row in AuditEvent.objects.all()}
    assert len(read) == 4
    assert set(reading.keys_of(AuditEvent.objects.all())) == set(read)


@pytest.mark.sqlite
@pytest.mark.parametrize("change", ["occurred_at = 'never'", "detail = detail || ' '", "detail = '{'"])
def test_what_is_no_value_is_an_edited_row(change: str) -> None:
    [_, row, _] = sealed(3)
    run("PRAGMA ignore_check_constraints = ON")
    run(f'UPDATE "recovery_auditevent" SET {change} WHERE id = %s', row.pk.hex)
    run("PRAGMA ignore_check_constraints = OFF")
    assert [(each.position, each.damage) for each in audit.verify().found] == [(2, Damage.EDITED)]


@pytest.mark.sqlite
@pytest.mark.parametrize("key", ["'zz'", "UPPER(id)", "SUBSTR(id, 1, 8) || '-' || SUBSTR(id, 9)", "SUBSTR(id, 3)"])
def test_what_is_no_key_stops_no_sealer_and_is_named(key: str) -> None:
    sealed(1, at=timezone.now())
    rows(2, at=timezone.now())
    run(f'UPDATE "recovery_auditevent" SET id = {key} WHERE id = (SELECT MAX(id) FROM "recovery_auditevent")')
    assert audit.seal(far=True) == 1
    assert audit.seal(far=True) == 0
    assert [(each.position, each.damage) for each in audit.verify().found] == [(3, Damage.INSERTED)]
