"""Triggers that let nobody change or remove what is on the trail, whatever reaches the database.

Installed by ``recovery_audit protect`` and not by a migration: they would break the flush of every host's tests. They
stop mistakes, and code that does not know better. Whoever owns the tables can drop them; then the seals tell.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from recovery.audit.writing import record
from recovery.models import AuditEvent, AuditSeal
from recovery.models.primary import atomic
from recovery.reasons import Action

_KEYS: Final = {each._meta.db_table: str(each._meta.pk.column) for each in (AuditEvent, AuditSeal)}
TABLES: Final = tuple(_KEYS)
GATE: Final = "recovery_audit_gate"
"""On PostgreSQL a setting of one transaction, on SQLite a table with a row while one transaction purges."""
_SAID: Final = "the trail is only added to"

_OPENED: Final = GATE.replace("_", ".", 1)
_FUNCTION: Final = "recovery_audit_refuse"
# Open is what names this transaction: a value that somebody gave a role or a database opens nothing.
_BODY: Final = f"""
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('{_OPENED}', true) = pg_current_xact_id()::text THEN RETURN OLD; END IF;
  RAISE EXCEPTION '{_SAID}' USING ERRCODE = 'restrict_violation';
END """
# What a trigger does is told by the bits of its type: for each row 1, before 2, DELETE 8, UPDATE 16, TRUNCATE 32.
_TYPES: Final = {"UPDATE": 19, "DELETE": 11, "TRUNCATE": 34}


def protect(*, actor_key: str = "", **facts: Any) -> bool:
    """Install them, with a record; False if they were all there. Commits once. Safe to run after every migrate.
    ``facts`` go into the record: as whom a command ran.

    What a role or a database of PostgreSQL was told stays: ``is_protected`` is False then all the same."""
    if is_protected():
        return False
    connection = _connection()
    with atomic(AuditEvent):
        _run(connection, _removal(connection))
        _run(connection, (statement for _, statement in _installation(connection)))
        record(Action.TRAIL_PROTECTED, actor_key=actor_key, **facts)
    return True


def unprotect(*, reason: str, actor_key: str = "", **facts: Any) -> bool:
    """Remove them, with a record; False if none was there. Commits once. ``facts`` as of ``protect``."""
    connection = _connection()
    if not _installed(connection):
        return False
    with atomic(AuditEvent):
        record(Action.TRAIL_UNPROTECTED, actor_key=actor_key, reason=reason, **facts)
        _run(connection, _removal(connection))
    return True


def is_protected() -> bool:
    """Whether all of them are there as ``protect`` installs them, and nothing switches them off or holds their gate
    open."""
    connection = _connection()
    is_sound = _sound_on_postgresql if connection.vendor == "postgresql" else _sound_on_sqlite
    return is_sound(connection)


@contextmanager
def gate() -> Iterator[None]:
    """Rows may be removed meanwhile, in the caller's transaction and in no other."""
    connection = _connection()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config(%s, pg_current_xact_id()::text, true)", [_OPENED])
            yield
            cursor.execute("SELECT set_config(%s, '', true)", [_OPENED])
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
    """On SQLite INSERT, too: INSERT OR REPLACE takes the old row away, and no trigger on DELETE sees it."""
    return tuple(_TYPES) if connection.vendor == "postgresql" else ("INSERT", "UPDATE", "DELETE")


def _names(connection: BaseDatabaseWrapper) -> Iterator[str]:
    return (f"{table}_no_{kind.lower()}" for table in TABLES for kind in _kinds(connection))


def _installed(connection: BaseDatabaseWrapper) -> set[str]:
    """Those that are there, whatever they do."""
    ours = ", ".join(["%s"] * len(TABLES))
    if connection.vendor == "postgresql":
        sql = (
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN"
            f" (SELECT oid FROM pg_class WHERE relname IN ({ours}) AND pg_table_is_visible(oid))"
        )
    else:
        sql = f"SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ({ours})"
    return {name for [name] in _rows(connection, sql, TABLES)} & set(_names(connection))


def _sound_on_postgresql(connection: BaseDatabaseWrapper) -> bool:
    found = _rows(
        connection,
        "SELECT t.tgname, t.tgtype FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang"
        " WHERE t.tgenabled IN ('O', 'A') AND NOT t.tgisinternal"
        " AND pg_table_is_visible(c.oid) AND c.relname IN (%s, %s)"
        " AND t.tgqual IS NULL AND t.tgattr = '' AND p.proname = %s AND p.prosrc = %s AND l.lanname = 'plpgsql'"
        " AND p.proconfig IS NULL AND NOT p.prosecdef",
        [*TABLES, _FUNCTION, _BODY],
    )
    wanted = {(f"{table}_no_{kind.lower()}", bits) for table in TABLES for kind, bits in _TYPES.items()}
    # A replica's sessions run no such triggers, and a role or a database may be told to be one.
    told = _rows(
        connection,
        "SELECT 1 WHERE current_setting('session_replication_role') = 'replica' OR EXISTS (SELECT 1 FROM"
        " pg_db_role_setting s, unnest(s.setconfig) one WHERE one LIKE 'session_replication_role=%%replica%%' AND"
        " s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())))",
        [],
    )
    return set(found) == wanted and not told


def _sound_on_sqlite(connection: BaseDatabaseWrapper) -> bool:
    wanted = dict(_installation(connection))
    named = ", ".join(["%s"] * len(wanted))
    found = _rows(connection, f"SELECT name, sql FROM sqlite_master WHERE name IN ({named})", list(wanted))
    return dict(found) == wanted and not _rows(connection, f'SELECT 1 FROM "{GATE}"', [])


def _installation(connection: BaseDatabaseWrapper) -> Iterator[tuple[str, str]]:
    """Names and statements."""
    if connection.vendor == "postgresql":
        head = f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS"
        yield _FUNCTION, f"{head} $refuse${_BODY}$refuse$"
    else:
        yield GATE, f'CREATE TABLE "{GATE}" ("open" integer NOT NULL)'
    for table in TABLES:
        for kind in _kinds(connection):
            name = f"{table}_no_{kind.lower()}"
            if connection.vendor == "postgresql":
                each = "STATEMENT" if kind == "TRUNCATE" else "ROW"
                then = f" FOR EACH {each} EXECUTE FUNCTION {_FUNCTION}()"
            else:
                then = f"{_when(table, kind)} BEGIN SELECT RAISE(ABORT, '{_SAID}'); END"
            yield name, f'CREATE TRIGGER "{name}" BEFORE {kind} ON "{table}"{then}'


def _when(table: str, kind: str) -> str:
    """Of SQLite. A row can be replaced by its key, or by the number that every row has."""
    if kind == "DELETE":
        return f' WHEN NOT EXISTS (SELECT 1 FROM "{GATE}")'
    if kind == "INSERT":
        key = _KEYS[table]
        return f' WHEN EXISTS (SELECT 1 FROM "{table}" WHERE "{key}" = NEW."{key}" OR rowid = NEW.rowid)'
    return ""


def _removal(connection: BaseDatabaseWrapper) -> Iterator[str]:
    for table in TABLES:
        for kind in _kinds(connection):
            of_table = f' ON "{table}"' if connection.vendor == "postgresql" else ""
            yield f'DROP TRIGGER IF EXISTS "{table}_no_{kind.lower()}"{of_table}'
    if connection.vendor == "postgresql":
        yield f"DROP FUNCTION IF EXISTS {_FUNCTION}()"
    else:
        yield f'DROP TABLE IF EXISTS "{GATE}"'


def _run(connection: BaseDatabaseWrapper, statements: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        for each in statements:
            cursor.execute(each)


def _rows(connection: BaseDatabaseWrapper, sql: str, params: Sequence[str]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
