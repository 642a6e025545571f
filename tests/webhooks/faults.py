"""A database that refuses, for as long as a test says."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

REFUSE = {
    "sqlite": ["CREATE TRIGGER refuse BEFORE UPDATE ON recovery_email BEGIN SELECT RAISE(ABORT, 'refused'); END"],
    "postgresql": [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$",
        "CREATE TRIGGER refuse BEFORE UPDATE ON recovery_email FOR EACH STATEMENT EXECUTE FUNCTION refuse()",
    ],
}
RELENT = {
    "sqlite": ["DROP TRIGGER refuse"],
    "postgresql": ["DROP TRIGGER refuse ON recovery_email", "DROP FUNCTION refuse"],
}


@contextmanager
def emails_that_cannot_change() -> Iterator[None]:
    _run(REFUSE[connection.vendor])
    yield
    _run(RELENT[connection.vendor])


def _run(statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
