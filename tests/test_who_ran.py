"""Who ran a command that erases, hands out or unlocks what is on record: staff by name, else the machine's account."""

import os
import pwd
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command

from recovery import accounts, audit
from recovery.models import AuditEvent
from recovery.reasons import Action
from tests.admin.staff import ALL_BUT_ADA
from tests.factories import StaffFactory, UserFactory
from tests.following import mailed_link

pytestmark = pytest.mark.django_db(transaction=True)

COMMANDS = {
    Action.TRAIL_PROTECTED: ["recovery_audit", "protect"],
    Action.TRAIL_UNPROTECTED: ["recovery_audit", "protect", "--remove"],
    Action.PERSON_EXPORTED: ["recovery_person", "ada", "--json"],
    Action.ERASED: ["recovery_erase", "ada"],
}
OF_A_PERSON = (Action.PERSON_EXPORTED, Action.ERASED)


@pytest.fixture(autouse=True)
def _unprotected() -> Iterator[None]:
    """No trigger stands in the way of the tables being emptied."""
    yield
    audit.unprotect(reason="the test is over")


@pytest.fixture
def boss() -> Any:
    return StaffFactory.create(username="boss", is_superuser=True)


@pytest.fixture
def ada() -> Any:
    user = UserFactory.create(username="ada")
    mailed_link(user)
    return user


def run(act: Action, *more: str) -> None:
    call_command(*COMMANDS[act], "--reason", "ticket 4711", *more)


@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize("act", COMMANDS)
def test_who_ran_a_grave_command_is_on_the_trail(
    act: Action, is_named: bool, ada: Any, boss: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("USER", "LOGNAME"):
        monkeypatch.setenv(name, "somebody else")
    if act == Action.TRAIL_UNPROTECTED:
        run(Action.TRAIL_PROTECTED)
    run(act, *(["--actor", "boss"] if is_named else []))
    row = AuditEvent.objects.get(action=act)
    assert row.actor_key == (accounts.key_of(boss) if is_named else "")
    assert row.detail["system_user"] == pwd.getpwuid(os.geteuid()).pw_name


@pytest.mark.parametrize("act", COMMANDS)
def test_in_the_name_of_whoever_is_no_staff_nothing_is_done(act: Action, ada: Any) -> None:
    with pytest.raises(CommandError, match="no active member of staff") as refused:
        run(act, "--actor", "ada")
    assert refused.value.returncode == 2
    assert not AuditEvent.objects.filter(action=act).exists()


def test_a_file_of_a_person_needs_its_right_in_whosever_name(ada: Any) -> None:
    agent = StaffFactory.create(username="agent")
    with pytest.raises(CommandError, match="with the right"):
        run(Action.PERSON_EXPORTED, "--actor", "agent")
    agent.user_permissions.add(Permission.objects.get(codename="export_person"))
    run(Action.PERSON_EXPORTED, "--actor", "agent")
    assert AuditEvent.objects.get(action=Action.PERSON_EXPORTED).actor_key == accounts.key_of(agent)


@pytest.mark.parametrize("act", OF_A_PERSON)
def test_somebody_out_of_the_actors_scope_is_nobody(act: Action, ada: Any, boss: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    with pytest.raises(CommandError, match="no account"):
        run(act, "--actor", "boss")
    assert not AuditEvent.objects.filter(action=act).exists()
    run(act)
    assert AuditEvent.objects.filter(action=act).exists()
