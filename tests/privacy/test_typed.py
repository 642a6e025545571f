"""What is typed at a command and names nobody is written nowhere, least of all in the trail."""

from pathlib import Path
from typing import Any, Final

import pytest
from django.core.management import CommandError, call_command

from recovery import audit
from recovery.models import AuditEvent
from recovery.reasons import Action
from tests.factories import UserFactory
from tests.following import mailed_link
from tests.privacy.life import ADDRESS, NAME, grace, key_of_one_who_is_gone
from tests.privacy.searching import where

pytestmark = pytest.mark.django_db(transaction=True)

COMMANDS: Final = ("erase", "erase with a name", "person", "export")
TYPED: Final = ("gwendolyn.ashe@private.example", "gwendolyn-ashe", "4915112345678")


def run(command: str, typed: str, folder: Path) -> None:
    match command:
        case "erase":
            call_command("recovery_erase", typed)
        case "erase with a name":
            call_command("recovery_erase", typed, "--name", typed)
        case "person":
            call_command("recovery_person", typed, "--name", typed, "--json")
        case "export":
            call_command("recovery_audit", "export", "--person", typed, "--to", str(folder / "bundle"))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("typed", TYPED)
def test_a_command_writes_nowhere_what_was_typed_and_names_nobody(typed: str, command: str, tmp_path: Path) -> None:
    mailed_link(grace())
    records = AuditEvent.objects.count()
    with pytest.raises(CommandError, match="no account") as refused:
        run(command, typed, tmp_path)
    assert refused.value.returncode == 1
    assert where(typed) == []
    assert AuditEvent.objects.count() == records
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_an_address_of_several_accounts_names_none_of_them(command: str, tmp_path: Path) -> None:
    UserFactory.create_batch(2, email=ADDRESS)
    with pytest.raises(CommandError, match="several") as refused:
        run(command, ADDRESS, tmp_path)
    assert refused.value.returncode == 2
    assert where(ADDRESS) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_an_address_that_stands_in_a_row_where_a_key_should_is_no_key_all_the_same(
    command: str, tmp_path: Path
) -> None:
    audit.record(Action.LINK_REVOKED, user_key=ADDRESS)
    with pytest.raises(CommandError, match="no account"):
        run(command, ADDRESS, tmp_path)
    assert AuditEvent.objects.filter(user_key=ADDRESS).count() == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_whoever_is_gone_is_named_by_the_key_alone(
    command: str, tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    key = key_of_one_who_is_gone(settings)
    for typed in (NAME, ADDRESS):
        with pytest.raises(CommandError, match="no account"):
            run(command, typed, tmp_path)
    run(command, f" {key}", tmp_path)
    actions = {"erase": Action.ERASED, "person": Action.PERSON_EXPORTED, "export": Action.TRAIL_EXPORTED}
    [row] = AuditEvent.objects.filter(action=actions[command.partition(" ")[0]])
    assert row.user_key == key
