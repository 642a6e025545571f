"""Case 103: neither the app nor raw SQL changes the trail, on either database, once it is protected."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from recovery import audit
from recovery.audit import protecting
from recovery.models import AuditEvent
from recovery.reasons import Action
from tests.trail.written import sealed

pytestmark = pytest.mark.django_db


def protect() -> None:
    call_command("recovery_audit", "protect", verbosity=0)


def refused(sql: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    except DatabaseError as error:
        return "only added to" in str(error)
    return False


def statements() -> Iterator[str]:
    kinds = ["UPDATE {} SET {}", "DELETE FROM {}"] + ["TRUNCATE {}"] * (connection.vendor == "postgresql")
    for table, change in (("recovery_auditevent", "reason = 'x'"), ("recovery_auditseal", "count = 1")):
        for kind in kinds:
            yield kind.format(table, change)
        if connection.vendor == "sqlite":
            yield f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
            yield f"REPLACE INTO {table} SELECT * FROM {table}"
            names = [column.name for column in connection.introspection.get_table_description(cursor(), table)]
            others = ", ".join(f'"{name}"' for name in names[1:])
            yield f'REPLACE INTO {table} (rowid, "{names[0]}", {others}) SELECT rowid, 77, {others} FROM {table}'


def cursor() -> Any:
    return connection.cursor()


@pytest.mark.attack(103)
def test_raw_statements_are_refused_while_the_trail_is_protected() -> None:
    sealed(3)
    protect()
    assert [sql for sql in statements() if not refused(sql)] == []
    assert AuditEvent.objects.count() == 4, "with the record that it is protected"
    audit.record(Action.LINK_REVOKED)
    assert audit.seal(far=True) == 2
    call_command("recovery_audit", "protect", "--remove", "--reason", "a migration")
    assert [sql for sql in statements() if refused(sql)] == []


def test_installing_twice_does_nothing_and_both_are_on_record() -> None:
    assert audit.protect()
    assert not audit.protect()
    with pytest.raises(CommandError, match="--reason"):
        call_command("recovery_audit", "protect", "--remove")
    assert audit.unprotect(reason="a migration")
    assert not audit.unprotect(reason="again")
    told = AuditEvent.objects.order_by("pk").values_list("action", "reason")
    assert list(told) == [(Action.TRAIL_PROTECTED, ""), (Action.TRAIL_UNPROTECTED, "a migration")]


def test_a_trigger_that_is_gone_is_noticed_and_put_back() -> None:
    audit.protect()
    name = "recovery_auditseal_no_delete"
    of_table = " ON recovery_auditseal" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name}{of_table}")
    assert not audit.is_protected()
    assert audit.protect()
    assert audit.is_protected()


ON_POSTGRESQL = {
    "a trigger that is switched off": "ALTER TABLE recovery_auditevent DISABLE TRIGGER recovery_auditevent_no_update",
    "one for another thing": "CREATE OR REPLACE TRIGGER recovery_auditevent_no_update BEFORE INSERT ON"
    " recovery_auditevent FOR EACH ROW EXECUTE FUNCTION recovery_audit_refuse()",
    "one with a condition": "CREATE OR REPLACE TRIGGER recovery_auditevent_no_update BEFORE UPDATE ON"
    " recovery_auditevent FOR EACH ROW WHEN (OLD.reason = 'x') EXECUTE FUNCTION recovery_audit_refuse()",
    "one of a column": "CREATE OR REPLACE TRIGGER recovery_auditevent_no_update BEFORE UPDATE OF reason ON"
    " recovery_auditevent FOR EACH ROW EXECUTE FUNCTION recovery_audit_refuse()",
    "another function": "CREATE OR REPLACE FUNCTION recovery_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN RETURN OLD; END'",
    "a role that runs none": "ALTER ROLE CURRENT_USER SET session_replication_role = 'replica'",
    "a session that runs none": "SET LOCAL session_replication_role = 'replica'",
}
ON_SQLITE = {
    "an open gate": f"INSERT INTO {protecting.GATE} VALUES (1)",
    "another gate": f"ALTER TABLE {protecting.GATE} ADD COLUMN more integer",
    "another trigger": "CREATE TRIGGER recovery_auditevent_no_update BEFORE UPDATE ON recovery_auditevent"
    " WHEN OLD.reason = 'x' BEGIN SELECT RAISE(ABORT, 'the trail is only added to'); END",
}


@pytest.mark.postgresql
@pytest.mark.parametrize("way", ON_POSTGRESQL)
def test_what_only_looks_like_protection_on_postgresql_is_none(way: str) -> None:
    audit.protect()
    assert audit.is_protected()
    with connection.cursor() as cursor:
        cursor.execute(ON_POSTGRESQL[way])
    assert not audit.is_protected()
    if way.endswith("that runs none"):
        with pytest.raises(SystemExit) as ended:  # no trigger mends that
            call_command("recovery_audit", "protect", verbosity=0)
        assert ended.value.code == 1


@pytest.mark.postgresql
def test_a_role_that_is_told_that_the_gate_is_open_removes_nothing() -> None:
    sealed(1)
    audit.protect()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL recovery.audit_gate = 'open'")
    assert refused("DELETE FROM recovery_auditevent")


@pytest.mark.sqlite
@pytest.mark.parametrize("way", ON_SQLITE)
def test_what_only_looks_like_protection_on_sqlite_is_none_and_protect_mends_it(way: str) -> None:
    audit.protect()
    with connection.cursor() as cursor:
        if way == "another trigger":
            cursor.execute("DROP TRIGGER recovery_auditevent_no_update")
        cursor.execute(ON_SQLITE[way])
    assert not audit.is_protected()
    assert audit.protect()
    assert audit.is_protected()


def test_a_deployment_without_them_is_warned() -> None:
    def ids() -> set[str]:
        return {str(each.id) for each in run_checks(include_deployment_checks=True, databases=["default"])}

    assert "recovery.W030" in ids()
    audit.protect()
    assert "recovery.W030" not in ids()


def test_a_dry_run_says_what_would_be_done_and_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("recovery_audit", "protect", "--dry-run", "--json")
    assert '"done": true' in capsys.readouterr().out
    assert not audit.is_protected()
    assert not AuditEvent.objects.exists()


def test_the_gate_lets_rows_go_for_its_own_transaction_alone() -> None:
    made = sealed(3)
    audit.protect()
    with transaction.atomic(), protecting.gate():
        assert AuditEvent.objects.purge([made[0].pk]) == 1
    assert refused("DELETE FROM recovery_auditevent")
