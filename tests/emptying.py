"""
How the tables are emptied behind a test that commits: those that hold rows, in one transaction, and nothing is made
anew.

Django's own way empties every table there is and then has the permissions and content types of every app written
again, which takes longer than most tests do. Here those stay. Should a test have added or removed one, Django's way
follows.
"""

from typing import Any

from django.core.management import call_command
from django.db import connections, transaction

KEPT = ("auth_permission", "django_content_type")
MANY = 1000
"""From so many rows on PostgreSQL cuts a table off rather than deleting row by row and leaving their places behind."""

_questions: dict[str, str] = {}
_kept: dict[str, dict[str, int]] = {}


def begin(alias: str) -> None:
    """Call when the tables have just been made."""
    connection = connections[alias]
    quote = connection.ops.quote_name
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    asked = [
        f"SELECT '{table}', COUNT(*) FROM {quote(table)}"
        if table in KEPT
        else f"SELECT '{table}', COUNT(*) FROM (SELECT 1 FROM {quote(table)} LIMIT {MANY}) AS counted"
        for table in tables
    ]
    _questions[alias] = " UNION ALL ".join(asked)
    _kept[alias] = {table: count for table, count in _counts(alias).items() if table in KEPT}


def after_test(case: Any) -> None:
    """In the place of ``TransactionTestCase._fixture_teardown``."""
    for alias in case._databases_names(include_mirrors=False):
        counts = _counts(alias)
        if {table: count for table, count in counts.items() if table in KEPT} == _kept[alias]:
            _empty(alias, {table: count for table, count in counts.items() if count and table not in KEPT})
        else:
            call_command("flush", verbosity=0, interactive=False, database=alias, reset_sequences=False)


def _counts(alias: str) -> dict[str, int]:
    """Of each table; of one that is not kept, no more than ``MANY``."""
    if not _questions[alias]:
        return {}
    with connections[alias].cursor() as cursor:
        cursor.execute(_questions[alias])
        return dict(cursor.fetchall())


def _empty(alias: str, counts: dict[str, int]) -> None:
    connection = connections[alias]
    quote = connection.ops.quote_name
    long = [table for table, count in counts.items() if count >= MANY and connection.vendor == "postgresql"]
    # SQLite would look for what points at each row. PostgreSQL knows no such switch, and looks at the end.
    with (
        connection.constraint_checks_disabled(),
        transaction.atomic(using=alias),
        connection.cursor() as cursor,
    ):
        # First, and all at once: PostgreSQL refuses it where it has yet to look at the foreign keys of a deleted row.
        if long:
            cursor.execute(f"TRUNCATE {', '.join(map(quote, long))} CASCADE")
        for table in counts:
            if table not in long:
                cursor.execute(f"DELETE FROM {quote(table)}")
