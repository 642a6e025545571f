"""Who is nearly the one that was typed: by one slip in a name or an address, whatever its case, and within reach."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recovery.reasons import Cause
from tests.diagnosis.stage import Stage, explained
from tests.factories import StaffFactory


def whose_last_name_is_mine(actor: Any, user: Any) -> bool:
    return bool(user.last_name == "mine")


@pytest.mark.parametrize(
    "typed",
    [
        "grace.hoper@example.com",
        "grace.hoppper@example.com",
        "grace.hipper@example.com",
        "garce.hopper@example.com",
        "grace.hopper@exmaple.com",
        "GRACE.HOPPER@EXAMPLE.CO",
        "harald.gracd",
        "HARALD.GRAC",
    ],
)
def test_one_slip_in_a_name_or_an_address_is_near_in_any_case(typed: str, stage: Stage) -> None:
    user = stage.reader(username="Harald.Grace", email="Grace.Hopper@Example.com")
    leading = explained(typed).leading
    assert (leading.code, leading.fix_target) == (Cause.NEAR_MISS, ("auth.user", str(user.pk)))


@pytest.mark.parametrize(
    "typed", ["grace.hoper@exmaple.com", "gracehopper@example.org", "g", "gra", "grace\0", "x" * 51]
)
def test_two_slips_or_next_to_nothing_are_not(typed: str, stage: Stage) -> None:
    stage.reader(username="gr", email="grace.hopper@example.com")
    stage.reader(username="x" * 50)
    assert explained(typed).leading.code == Cause.UNKNOWN_ACCOUNT


def test_letters_beyond_ascii_are_found_as_they_are_stored(stage: Stage) -> None:
    user = stage.reader(email="josé.müller@example.com")
    assert explained("josé.müller@exampl.com").leading.fix_target == ("auth.user", str(user.pk))


def test_near_ones_out_of_reach_take_no_place_from_those_within(stage: Stage) -> None:
    for number in range(5):
        stage.reader(email=f"grace{number}@example.com")
    mine = stage.reader(email="grace7@example.com", last_name="mine")
    stage.set(MAY_ACT_ON=f"{__name__}.whose_last_name_is_mine")
    found = explained("grace@example.com", viewer=StaffFactory.create())
    assert found.leading.fix_target == ("auth.user", str(mine.pk))


def test_accounts_are_looked_through_twice_at_most_however_many_there_are(stage: Stage) -> None:
    """Where the user table has no index on addresses, each of these reads all of it."""
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as asked:
            assert explained("grace@example.com").leading.code in (Cause.UNKNOWN_ACCOUNT, Cause.NEAR_MISS)
        of_accounts = [query["sql"] for query in asked if 'FROM "auth_user"' in query["sql"]]
        counts.append((len(asked), len([sql for sql in of_accounts if '"auth_user"."id" =' not in sql])))
        for number in range(4):
            stage.reader(email=f"grace{number}@example.com")
    assert {looked for _, looked in counts} == {2}
    assert max(total for total, _ in counts) <= 12
