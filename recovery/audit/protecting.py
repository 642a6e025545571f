"""Triggers that let nobody change or remove what is on the trail, whatever reaches the database.

Installed by ``recovery_audit protect`` and not by a migration: they would break the flush of every host's tests. They
stop mistakes, and code that does not know better. Whoever owns the tables can drop them; then the seals tell.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from recovery.audit.writing import record
from recovery.models import AuditEvent, AuditSeal
from recovery.models.primary import atomic
from recovery.reasons import Action

TABLES: Final = (AuditEvent._meta.db_table, AuditSeal._meta.db_table)
GATE: Final = "recovery_audit_gate"
"""On PostgreSQL a setting of one transaction, on SQLite a table with a row while one transaction purges."""
_SAID: Final = "the trail is only added to"

_POSTGRESQL: Final = f"""
CREATE OR REPLACE FUNCTION recovery_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $refuse$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('{GATE.replace("_", ".", 1)}', true) = 'open' THEN RETURN OLD; END IF;
  RAISE EXCEPTION '{_SAID}' USING ERRCODE = 'restrict_violation';
END $refuse$
"""


def protect() -> bool:
    """Install them, with a record; False if they were all there. Commits once. Safe to run after every migrate."""
    if is_protected():
        return False
    connection = _connection()
    with atomic(AuditEvent):
        _run(connection, _removal(connection))
        _run(connection, _installation(connection))
        record(Action.TRAIL_PROTECTED)
    return True


def unprotect(*, reason: str) -> bool:
    """Remove them, with a record; False if none was there. Commits once."""
    connection = _connection()
    if not _installed(connection):
        return False
    with atomic(AuditEvent):
        record(Action.TRAIL_UNPROTECTED, reason=reason)
        _run(connection, _removal(connection))
    return True


def is_protected() -> bool:
    """Whether all of them are there, and none of them is switched off."""
    connection = _connection()
    return set(_names(connection)) <= _installed(connection)


@contextmanager
def gate() -> Iterator[None]:
    """Rows may be removed meanwhile, in the caller's transaction and in no other."""
    connection = _connection()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config(%s, 'open', true)", [GATE.replace("_", ".", 1)])
            yield
            cursor.execute("SELECT set_config(%s, '', true)", [GATE.replace("_", ".", 1)])
        return
    is_there = bool(_installed(connection))
    with connection.cursor() as cursor:
        if is_there:
            cursor.execute(f'INSERT INTO "{GATE}" VALUES (1)')
        yield
        if is_there:
            cursor.execute(f'DELETE FROM "{GATE}"')


def _connection() -> BaseDatabaseWrapper:
    return connections[router.db_for_write(AuditEvent)]


def _kinds(connection: BaseDatabaseWrapper) -> tuple[str, ...]:
    return ("UPDATE", "DELETE", "TRUNCATE") if connection.vendor == "postgresql" else ("UPDATE", "DELETE")


def _names(connection: BaseDatabaseWrapper) -> Iterator[str]:
    return (f"{table}_no_{kind.lower()}" for table in TABLES for kind in _kinds(connection))


def _installed(connection: BaseDatabaseWrapper) -> set[str]:
    ours = ", ".join(["%s"] * len(TABLES))
    if connection.vendor == "postgresql":
        sql = (
            "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A') AND NOT tgisinternal AND tgrelid IN"
            f" (SELECT oid FROM pg_class WHERE relname IN ({ours}) AND pg_table_is_visible(oid))"
        )
    else:
        sql = f"SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ({ours})"
    with connection.cursor() as cursor:
        cursor.execute(sql, list(TABLES))
        return {name for [name] in cursor.fetchall()} & set(_names(connection))


def _installation(connection: BaseDatabaseWrapper) -> Iterator[str]:
    if connection.vendor == "postgresql":
        yield _POSTGRESQL
    else:
        yield f'CREATE TABLE IF NOT EXISTS "{GATE}" ("open" integer NOT NULL)'
    for table in TABLES:
        for kind in _kinds(connection):
            name = f"{table}_no_{kind.lower()}"
            if connection.vendor == "postgresql":
                each = "STATEMENT" if kind == "TRUNCATE" else "ROW"
                yield (
                    f'CREATE TRIGGER "{name}" BEFORE {kind} ON "{table}" FOR EACH {each}'
                    " EXECUTE FUNCTION recovery_audit_refuse()"
                )
            else:
                when = f' WHEN NOT EXISTS (SELECT 1 FROM "{GATE}")' if kind == "DELETE" else ""
                then = f"BEGIN SELECT RAISE(ABORT, '{_SAID}'); END"
                yield f'CREATE TRIGGER "{name}" BEFORE {kind} ON "{table}"{when} {then}'


def _removal(connection: BaseDatabaseWrapper) -> Iterator[str]:
    for table in TABLES:
        for kind in _kinds(connection):
            of_table = f' ON "{table}"' if connection.vendor == "postgresql" else ""
            yield f'DROP TRIGGER IF EXISTS "{table}_no_{kind.lower()}"{of_table}'
    if connection.vendor == "postgresql":
        yield "DROP FUNCTION IF EXISTS recovery_audit_refuse()"
    else:
        yield f'DROP TABLE IF EXISTS "{GATE}"'


def _run(connection: BaseDatabaseWrapper, statements: Iterator[str]) -> None:
    with connection.cursor() as cursor:
        for each in statements:
            cursor.execute(each)
