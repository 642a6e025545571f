"""The email log at a million rows: whatever it is filtered by is found by an index, also what is rare and long ago."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.admin.pages import listed
from tests.admin.staff import superuser
from tests.past import Mail

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

ON_THEIR_WAY = ("queued", "sending", "handed_over", "delivered")
COMMON = {"?audience=default", "?kind__exact=reset", *(f"?state__exact={state}" for state in ON_THEIR_WAY)}
"""What is true of most rows, or of each for a while, is found without one: mail on its way would move it each time."""


@pytest.fixture(autouse=True)
def several_ways(settings: Any) -> None:
    ways = [{"NAME": name, "BACKEND": "tests.backends.Unreachable"} for name in ("main", "spare")]
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": ways, "AUDIENCES": {"portal": {}}}


def how(query: str) -> list[str]:
    """How SQLite finds what the log shows of its own table."""
    client = superuser()
    with CaptureQueriesContext(connection) as statements:
        assert client.get(f"{listed('email')}{query}").status_code == 200
    told = []
    with connection.cursor() as cursor:
        for each in statements.captured_queries:
            if re.search(r'FROM "recovery_email".*(ORDER BY "recovery_email"."id" DESC|LIMIT 551)', each["sql"]):
                cursor.execute(f"EXPLAIN QUERY PLAN {each['sql'].replace('%', '%%')}")
                told += [str(row[3]) for row in cursor.fetchall() if "recovery_email" in str(row[3])]
    return told


def choices() -> list[str]:
    changes = superuser().get(listed("email")).context["cl"]
    return [
        str(choice["query_string"])
        for each in changes.filter_specs
        for choice in each.choices(changes)
        if not choice["selected"]
    ]


def test_each_choice_of_each_filter_is_found_by_an_index() -> None:
    Mail().write()
    asked = set(choices()) - COMMON
    assert len(asked) > 40
    by_key = {query for query in asked if query.startswith("?queued_at")}  # whose rows begin where the key does
    for query in asked:
        steps = how(query)
        assert steps, query
        for step in steps:
            assert step.startswith("SEARCH"), (query, step)
            assert ("autoindex" in step) is (query in by_key), (query, step)
