"""``recovery_reset``: links by staff, and forced rotations, for names on the command line or in a file."""

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.core.management import CommandError, call_command

from recovery import accounts, timelines
from recovery.models import AuditEvent, ResetRequest, Rotation, RotationMember
from recovery.reasons import Action, Kind, RotationSource
from tests.admin.staff import ALL_BUT_ADA
from tests.asking import links, recipients
from tests.asking import work as decide
from tests.factories import StaffFactory, UserFactory
from tests.following import works
from tests.rotations.people import funnel, readers, work

pytestmark = pytest.mark.django_db

WHY = "ticket 4711"


def run(*arguments: str, **options: Any) -> tuple[int, str, str]:
    """Exit code, output, errors."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    try:
        call_command("recovery_reset", *arguments, **{"reason": WHY, **options}, stdout=out, stderr=err)
    except SystemExit as end:
        code = int(end.code or 0)
    except CommandError as error:
        code, _ = error.returncode, err.write(str(error))
    return code, out.getvalue(), err.getvalue()


def told(*arguments: str, **options: Any) -> tuple[int, dict[str, Any]]:
    code, out, _ = run(*arguments, json=True, **options)
    return code, json.loads(out)


def agent(*rights: str) -> Any:
    member = StaffFactory.create(username="agent")
    member.user_permissions.set(Permission.objects.filter(content_type__app_label="recovery", codename__in=rights))
    return member


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """What a leak's list looks like: comments, blanks, repeats, and accounts in several spellings."""
    people = readers(3)
    path = tmp_path / "leaked.txt"
    first, second, third = people
    lines = ["# dump of 2026-11-20", "", first.email, f"  {second.username}  ", first.username, third.email]
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    return path


def test_without_force_each_gets_a_link_and_the_present_password_stays_good() -> None:
    people = readers(2)
    code, found = told(people[0].username, people[1].email, "leaked0@EXAMPLE.com")
    assert (code, found["people"], found["done"], found["unknown"]) == (0, 2, 2, [])
    assert [request.kind for request in ResetRequest.objects.all()] == [Kind.ADMIN, Kind.ADMIN]
    assert set(found["references"]) == {request.shown_reference for request in ResetRequest.objects.all()}
    assert not Rotation.objects.exists()
    decide()
    assert sorted(recipients()) == [user.email for user in people]
    people[0].refresh_from_db()
    assert people[0].has_usable_password()
    [step, *_] = timelines.of_request(ResetRequest.objects.first() or ResetRequest())
    assert step.by == timelines.Party.US, "no member of staff is named"


def test_with_force_a_file_is_rotated_and_the_way_back_is_in_the_mail(listed: Path) -> None:
    code, found = told(file=str(listed), force=True, evidence="dump of 2026-11-20")
    rotation = Rotation.objects.get()
    assert (code, found) == (0, {"people": 3, "done": 3, "unknown": [], "rotation": str(rotation.pk)})
    assert (rotation.source, rotation.actor_key, rotation.reason) == (RotationSource.COMMAND, "", WHY)
    work()
    assert len(mail.outbox) == 3
    assert "told us that something" not in mail.outbox[0].body
    assert funnel(rotation) == {"told": 3}
    [account] = accounts.of_identifier("leaked0")
    message = next(each for each in mail.outbox if each.to == ["leaked0@example.com"])
    assert works(links(message)[0], account.user)


def test_the_same_file_again_mails_nobody_twice(listed: Path) -> None:
    first = told(file=str(listed), force=True)[1]
    assert told(file=str(listed), force=True)[1]["rotation"] == first["rotation"]
    work()
    assert len(mail.outbox) == 3


def test_standard_input_is_read_for_a_dash(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(listed.read_text(encoding="utf-8-sig")))
    assert told(file="-", dry_run=True) == (0, {"people": 3, "done": 0, "unknown": []})


@pytest.mark.parametrize("force", [False, True])
def test_dry_run_says_how_many_are_meant_and_does_nothing(force: bool, listed: Path) -> None:
    code, out, err = run("nobody", file=str(listed), force=force, dry_run=True)
    assert (code, out, err) == (1, "people 3, done 0\n", "unknown: nobody\n")
    assert not ResetRequest.objects.exists()
    assert not Rotation.objects.exists()
    assert not AuditEvent.objects.exists()


def test_names_that_mean_nobody_are_told_and_the_others_are_done(listed: Path) -> None:
    code, out, err = run("nobody", "ghost@example.com", file=str(listed), force=True)
    assert code == 1
    assert out.startswith("people 3, done 3, rotation ")
    assert err == "unknown: nobody\nunknown: ghost@example.com\n"
    assert RotationMember.objects.count() == 3


def test_an_address_of_several_accounts_means_all_of_them() -> None:
    for name in ("work", "home"):
        UserFactory.create(username=name, email="shared@example.com")
    assert told("shared@example.com", force=True)[1]["done"] == 2


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((), {}),
        (("leaked0",), {"reason": "  "}),
        (("leaked0",), {"actor": "nobody"}),
        (("leaked0",), {"actor": "leaked0"}),
        ((), {"file": "/nowhere/list.txt"}),
    ],
    ids=["nobody named", "blank reason", "unknown actor", "actor without rights", "no such file"],
)
def test_bad_usage_is_exit_code_2_and_does_nothing(arguments: tuple[str, ...], options: dict[str, Any]) -> None:
    readers(1)
    assert run(*arguments, force=True, **options)[0] == 2
    assert not Rotation.objects.exists()


def test_a_file_of_other_bytes_is_bad_usage(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(b"PK\x03\x04\xff\xfe")
    assert run(file=str(path))[0] == 2


@pytest.mark.parametrize(("force", "right"), [(False, "send_reset"), (True, "force_rotation")])
def test_an_actor_needs_the_right_and_keeps_their_scope(force: bool, right: str, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    UserFactory.create(username="ada")
    UserFactory.create(username="bob")
    member = agent("view_email")
    assert run("bob", actor="agent", force=force)[0] == 2
    member.user_permissions.set(Permission.objects.filter(content_type__app_label="recovery", codename=right))
    assert told("bob", actor="agent", force=force)[0] == 0
    assert AuditEvent.objects.latest("id").actor_key == accounts.key_of(member)
    code, found = told("ada", actor="agent", force=force)
    assert (code, found) == (1, {"people": 0, "done": 0, "unknown": ["ada"]})
    assert told("ada", actor="agent", force=force, dry_run=True)[1] == found, "a look tells no more"
    assert not AuditEvent.objects.filter(action=Action.STAFF_REFUSED).exists()
    assert told("ada", force=force)[1]["done"] == 1, "whoever has the shell and names nobody reaches all"


def test_an_actor_has_a_cap_and_the_command_says_how_far_it_came(settings: Any) -> None:
    agent("send_reset")
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"staff": (2, timedelta(hours=1))}}
    names = [user.username for user in readers(3)]
    code, found = told(*names, actor="agent")
    assert (code, found["done"]) == (1, 2)
    assert "Too many links sent" in found["refused"]
    assert told(*names)[1]["done"] == 3, "whoever has the shell and names nobody has none"
