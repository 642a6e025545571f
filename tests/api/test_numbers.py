"""The four numbers by the API, as the command tells them."""

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from recovery import rollup
from tests.api.calling import API, ask, code, member, problem, program
from tests.asking import work
from tests.factories import UserFactory
from tests.following import let_pass

pytestmark = pytest.mark.django_db


def numbers(settings: Any, **query: str) -> Any:
    return member(settings, "recovery.view_rollup").get(f"{API}staff/metrics/", query)


def test_they_are_those_of_the_command(settings: Any, capsys: Any) -> None:
    user = UserFactory.create()
    ask(program(), user.email)
    work()
    let_pass(timedelta(hours=2))
    rollup.roll_up()
    told = numbers(settings, since="7d", kind="forgot").json()
    with suppress(SystemExit):  # a target may be missed
        call_command("recovery_metrics", "--since", "7d", "--kind", "forgot", "--json")
    said = json.loads(capsys.readouterr().out)
    assert told["rolled_at"]
    assert told == said


def the_portal_alone(actor: Any) -> list[str]:
    return ["portal"]


def test_who_is_of_some_doors_names_one_of_them(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "STAFF_AUDIENCES": f"{__name__}.{the_portal_alone.__name__}"}
    for others in ({}, {"audience": ""}, {"audience": "site"}):
        [error] = problem(numbers(settings, **others))["errors"]
        assert (error["field"], error["code"]) == ("audience", "required")
    assert numbers(settings, audience="portal").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday"},
        {"since": "1h", "until": "2h"},
        {"until": "9999-12-31T23:59:59Z"},
        {"kind": "x"},
        {"color": "red"},
        {"route": "\x00"},
    ],
)
def test_what_means_nothing_is_refused(query: dict[str, str], settings: Any) -> None:
    assert code(numbers(settings, **query)) == "invalid"
