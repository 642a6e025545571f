"""``recovery_activate``: for named people, and again for all who never joined."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from recovery.exceptions import Misconfigured
from recovery.models import AuditEvent, ResetRequest
from recovery.reasons import Action, Kind, Outcome
from tests.asking import recipients, work
from tests.factories import UserFactory
from tests.following import let_pass
from tests.joining import has_joined, invited, joins, mailed_to

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> tuple[dict[str, int], str, int]:
    """What it printed, complained of, and with which code it ended."""
    out, err, code = StringIO(), StringIO(), 0
    try:
        call_command("recovery_activate", *arguments, "--json", stdout=out, stderr=err)
    except SystemExit as ended:
        code = int(str(ended.code))
    return json.loads(out.getvalue()), err.getvalue(), code


def test_named_people_get_a_link_and_join() -> None:
    grace, ada = (UserFactory.create(username=name, password=None) for name in ("grace", "ada"))
    told = run("grace", ada.email, "grace", "--reason", "import of the autumn")
    assert told == ({"asked": 2, "joined": 0, "unknown": 0}, "", 0)
    assert work() == [Outcome.SENT] * 2
    assert {event.reason for event in AuditEvent.objects.filter(action=Action.REQUESTED)} == {"import of the autumn"}
    joins(mailed_to(grace))
    assert has_joined(grace)


def test_whoever_joined_is_left_alone_and_whoever_is_not_one_person_is_told() -> None:
    UserFactory.create(username="ada")
    UserFactory.create_batch(2, email="family@example.com", password=None)
    counts, complaints, code = run("ada", "family@example.com", "nobody")
    assert (counts, code) == ({"asked": 0, "joined": 1, "unknown": 2}, 1)
    assert complaints.splitlines() == [
        f"{name}: nobody, or several people" for name in ("family@example.com", "nobody")
    ]
    assert not ResetRequest.objects.exists()


def test_all_who_never_joined_get_a_new_link_when_the_old_one_is_too_old() -> None:
    late, early = invited(), invited()
    joins(mailed_to(early))
    UserFactory.create(password=None)
    assert run("--never-joined")[0]["asked"] == 0
    let_pass(timedelta(days=8))
    mail.outbox.clear()
    assert run("--never-joined", "--dry-run")[0]["asked"] == 1
    assert work() == []
    assert run("--never-joined") == ({"asked": 1, "joined": 0, "unknown": 0}, "", 0)
    assert work() == [Outcome.SENT]
    assert recipients() == [late.email]
    assert ResetRequest.objects.filter(kind=Kind.ACTIVATION).count() == 3


def test_without_json_it_says_the_same_in_words() -> None:
    out = StringIO()
    call_command("recovery_activate", UserFactory.create().username, stdout=out)
    assert out.getvalue() == "asked 0, joined 1, unknown 0\n"


@pytest.mark.parametrize("arguments", [[], ["grace", "--never-joined"]])
def test_neither_names_nor_all_and_both_are_no_use(arguments: list[str]) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("recovery_activate", *arguments)
    assert refused.value.returncode == 2


def test_a_door_that_does_not_exist_is_told_before_anything_is_written() -> None:
    UserFactory.create(username="grace", password=None)
    with pytest.raises(Misconfigured):
        call_command("recovery_activate", "grace", "--audience", "portal")
    assert not ResetRequest.objects.exists()


def test_links_lead_to_the_door_that_was_named(settings: Any) -> None:
    portal = {"BASE_URL": "https://portal.example", "SITE_NAME": "The Portal"}
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": {"portal": portal}}
    UserFactory.create(username="grace", password=None)
    run("grace", "--audience", "portal")
    work()
    assert "https://portal.example/recovery/activate/" in mail.outbox[0].body
