"""What nobody of ours wrote into a cell of the trail stops no sealing, no anchor and no ``verify``, which names it."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from recovery import anchors, audit, tasks
from recovery.audit import chain, offline
from recovery.models import AuditAnchor, AuditEvent, AuditOrigin, AuditSeal
from recovery.models.primary import new_key
from recovery.reasons import Action, Damage
from tests.trail.written import anchor, rows, run, sealed

pytestmark = pytest.mark.django_db

DEEP = "[" * 1500 + "]" * 1500
BYTES = ("CAST('x' AS BLOB)", "X'ff'", "CAST(X'ff' AS TEXT)")
VALUES = [
    *((column, value) for column in ("actor_key", "action", "reason", "detail", "occurred_at") for value in BYTES),
    ("detail", f"'{DEEP}'"),
    ("detail", "CAST(detail AS BLOB)"),
    ("request_id", "CAST(id AS BLOB)"),
    ("occurred_at", "CAST(occurred_at AS BLOB)"),
    ("occurred_at", "'0001-01-01 00:00:00+05:00'"),
    ("occurred_at", "7"),
]
KEYS = ("'zz'", "X'ff'", "CAST(X'ff' AS TEXT)", "CAST(id AS BLOB)", "id || CAST(X'00' AS TEXT)")
SEALS = [
    *((column, value) for column in ("first", "sealed_at", "frontier", "keys", "digests", "head", "previous", "proof")
      for value in ("CAST(X'ff' AS TEXT)", "'x'" if column not in ("head", "previous", "proof") else "X'00'")),
    ("first", "9223372036854775807"),
    ("count", "'x'"),
    ("sealed_at", "'9999-12-31 23:59:59'"),
    ("sealed_at", "'0001-01-01 00:00:00'"),
]  # fmt: skip


def damages() -> list[tuple[int, str]]:
    return [(each.position, each.damage) for each in audit.verify().found]


def put(table: str, change: str, *params: Any) -> None:
    """As whoever has the database in hand does it."""
    if connection.vendor == "sqlite":
        run("PRAGMA ignore_check_constraints = ON")
    assert run(f'UPDATE "recovery_{table}" SET {change}', *params)
    if connection.vendor == "sqlite":
        run("PRAGMA ignore_check_constraints = OFF")


def goes_on() -> None:
    rows(1, at=timezone.now())
    assert audit.seal(far=True) >= 1
    assert audit.seal(far=True) == 0
    AuditAnchor.objects.filter(told_at=None, hour__gt=timezone.now().replace(year=2025)).delete()
    anchors.tell_due()


@pytest.mark.sqlite
@pytest.mark.attack(104)
@pytest.mark.parametrize(("column", "value"), VALUES)
def test_a_row_with_what_is_no_text_is_an_edited_one(column: str, value: str) -> None:
    _, row, _ = sealed(3)
    put("auditevent", f"{column} = {value} WHERE id = '{row.pk.hex}'")
    assert damages() == [(2, Damage.EDITED)]
    goes_on()


@pytest.mark.sqlite
@pytest.mark.attack(104)
@pytest.mark.parametrize(("column", "value"), VALUES)
def test_a_row_that_was_put_there_with_what_is_no_text_is_sealed_as_it_stands_and_told(
    column: str, value: str, tmp_path: Path
) -> None:
    _, row, _ = rows(3, at=timezone.now())
    put("auditevent", f"{column} = {value} WHERE id = '{row.pk.hex}'")
    assert audit.seal(far=True) == 3
    is_text = value.startswith(("'", "7"))
    assert damages() == ([] if is_text else [(2, Damage.INSERTED)])
    put("auditevent", f"{column} = 'another' WHERE id = '{row.pk.hex}'")
    assert damages() == [(2, Damage.EDITED)]


@pytest.mark.sqlite
@pytest.mark.attack(103)
@pytest.mark.django_db(transaction=True)
def test_one_row_that_triggers_let_in_stops_neither_seals_nor_exports(tmp_path: Path) -> None:
    rows(1, at=timezone.now())
    audit.protect()
    try:
        run(
            "INSERT INTO recovery_auditevent (id, occurred_at, action, outcome, actor_key, user_key, reference, reason,"
            " origin, detail) VALUES (%s, '2026-11-29 15:00:00', 'x', 'done', X'00', '', '', '', '', %s)",
            new_key().hex, '{"a": "\\ud800"}',
        )  # fmt: skip
        audit.record(Action.LINK_REVOKED)
        assert audit.seal(far=True) == AuditEvent.objects.count()
        call_command("recovery_audit", "export", to=tmp_path / "bundle", stdout=io.StringIO())
    finally:
        audit.unprotect(reason="test")
    (tmp_path / "log").write_text(anchor())
    assert offline.main([str(tmp_path / "bundle"), "--anchors", str(tmp_path / "log")]) == 0
    assert '{"bytes": "00"}' in (tmp_path / "bundle" / offline.ROWS).read_text("utf-8", "surrogatepass")


@pytest.mark.sqlite
@pytest.mark.attack(104)
@pytest.mark.parametrize("value", KEYS)
def test_what_is_no_key_is_a_row_that_is_gone_and_one_that_was_put_there(value: str) -> None:
    _, row, _ = sealed(3)
    put("auditevent", f"id = {value} WHERE id = '{row.pk.hex}'")
    assert damages() == [(2, Damage.DELETED), (4, Damage.INSERTED)]
    goes_on()


@pytest.mark.sqlite
@pytest.mark.attack(104)
@pytest.mark.parametrize(("column", "value"), SEALS)
def test_a_seal_that_cannot_be_read_is_named_and_the_chain_goes_on(column: str, value: str, tmp_path: Path) -> None:
    for number in range(3):
        sealed(1, at=timezone.now() - timezone.timedelta(minutes=9 - number))
    put("auditseal", f"{column} = {value} WHERE number = 3")
    assert (3, Damage.EDITED) in damages()
    assert damages()[0][0] == 3
    goes_on()
    assert (audit.newest().number, audit.newest().first) == (4, 4)  # type: ignore[union-attr]
    put("auditseal", f"{column} = {value}")
    assert damages()[0] == (1, Damage.EDITED)
    goes_on()
    call_command("recovery_audit", "export", to=tmp_path / "bundle", stdout=io.StringIO())


@pytest.mark.sqlite
@pytest.mark.attack(104)
@pytest.mark.parametrize("number", ["'x'", "X'ff'", "CAST(X'ff' AS TEXT)", "1.5", "9223372036854775807"])
def test_a_seal_without_a_number_is_no_link_of_the_chain(number: str) -> None:
    sealed(1, at=timezone.now())
    names = ", ".join(f'"{field.column}"' for field in AuditSeal._meta.concrete_fields if field.name != "number")
    run(f'INSERT INTO "recovery_auditseal" (number, {names}) SELECT {number}, {names} FROM "recovery_auditseal"')
    assert damages() == [(2, Damage.INSERTED)]
    goes_on()


@pytest.mark.sqlite
@pytest.mark.attack(104)
@pytest.mark.parametrize("change", ["number = 'x'", "position = X'ff'", "head = X'ff'", "told = 'x'", "hour = 'x'",
                                    f"told = '{DEEP}'", "head = CAST(X'ff' AS TEXT)"])  # fmt: skip
def test_an_anchor_that_cannot_be_read_is_named_and_others_are_told(change: str) -> None:
    sealed(1, at=timezone.now())
    AuditAnchor.objects.create(hour=timezone.now().replace(year=2020), number=1, position=1, head=audit.newest().head)  # type: ignore[union-attr]
    put("auditanchor", change)
    assert damages() == [(0, Damage.EDITED)]
    goes_on()
    assert len(list(chain.anchors(AuditAnchor.objects.all()))) == 1


@pytest.mark.sqlite
@pytest.mark.attack(104)
@pytest.mark.parametrize("change", ["id = 'x'", "ip = X'ff'", "user_agent = CAST(X'ff' AS TEXT)", "salt = X'ff'"])
def test_a_place_that_cannot_be_read_is_named(change: str) -> None:
    sealed(3, persons=("7",))
    put("auditorigin", change)
    assert [each.damage for each in audit.verify().found] == [Damage.EDITED]


@pytest.mark.sqlite
def test_a_place_that_cannot_be_read_beside_an_act_that_told_none_is_named() -> None:
    [row] = sealed(1)
    AuditOrigin.objects.create(id=row.pk, salt="x")
    put("auditorigin", "ip = X'ff'")
    assert damages() == [(1, Damage.EDITED)]


@pytest.mark.attack(104)
def test_what_is_nested_too_deep_for_python_is_sealed_as_text_and_named_once_it_is_edited(tmp_path: Path) -> None:
    _, row, _ = rows(3, at=timezone.now())
    run(f"UPDATE \"recovery_auditevent\" SET detail = '{DEEP}' WHERE reason = '' AND id = %s", key(row))
    assert audit.seal(far=True) == 3
    assert audit.verify().is_sound
    call_command("recovery_audit", "export", to=tmp_path / "bundle", stdout=io.StringIO())
    run(f"UPDATE \"recovery_auditevent\" SET detail = '[{DEEP}]' WHERE id = %s", key(row))
    assert damages() == [(2, Damage.EDITED)]


@pytest.mark.postgresql
@pytest.mark.attack(104)
@pytest.mark.parametrize("value", ["infinity", "-infinity", "0044-03-15 BC", "20000-01-01"])
def test_a_moment_that_python_has_not_is_named(value: str) -> None:
    _, row, _ = sealed(3)
    run(f"UPDATE recovery_auditevent SET occurred_at = '{value}' WHERE id = %s", key(row))
    assert damages() == [(2, Damage.EDITED)]
    run(f"UPDATE recovery_auditseal SET sealed_at = '{value}'")
    assert damages()[0] == (1, Damage.EDITED)
    goes_on()
    run(f"UPDATE recovery_auditanchor SET hour = '{value}'")
    assert damages()[0] == (0, Damage.EDITED)


@pytest.mark.django_db(transaction=True)
def test_the_head_is_told_outside_whatever_sealing_stumbles_over(settings: Any) -> None:
    sealed(1, at=timezone.now())
    audit.record(Action.LINK_REVOKED)
    settings.SECRET_KEY_FALLBACKS = None
    with pytest.raises(TypeError):
        tasks.seal_audit()
    assert AuditAnchor.objects.get().number == 1


def key(row: AuditEvent) -> Any:
    return AuditEvent._meta.pk.get_db_prep_value(row.pk, connection)
