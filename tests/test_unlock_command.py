"""``recovery_unlock``: ends lockouts of people and of places, by name, with a reason."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from recovery import lockouts
from recovery.models import AuditEvent, Lockout
from recovery.reasons import Action, LockKind
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.factories import StaffFactory, UserFactory
from tests.signing_in import fail, locked, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

WHY = ("--reason", "called from the desk")


def unlocked(*args: str) -> tuple[dict[str, Any], int]:
    out, code = StringIO(), 0
    try:
        call_command("recovery_unlock", *args, "--json", stdout=out)
    except SystemExit as end:
        code = int(end.code or 0)
    return json.loads(out.getvalue()), code


@pytest.fixture
def ada() -> Any:
    user = UserFactory(username="ada", email="ada@example.org")
    locked("ada")
    return user


def test_a_person_is_unlocked_by_name_or_address(ada: Any) -> None:
    assert not sign_in("ada")
    assert unlocked("ADA@example.org", *WHY) == ({"standing": 1, "lifted": 1, "refused": [], "unknown": []}, 0)
    assert sign_in("ada")
    assert AuditEvent.objects.get(action=Action.UNLOCKED).reason == WHY[1]
    assert unlocked("ada", *WHY) == ({"standing": 0, "lifted": 0, "refused": [], "unknown": []}, 0)


def test_a_dry_run_lifts_nothing(ada: Any) -> None:
    assert unlocked("ada", *WHY, "--dry-run") == ({"standing": 1, "lifted": 0, "refused": [], "unknown": []}, 0)
    assert not sign_in("ada")


def test_a_place_is_unlocked_by_its_address_and_people_stay_as_they_are(ada: Any, settings: Any) -> None:
    settings.RECOVERY = settings.RECOVERY | {"LOGIN_FAILURE_LIMIT": {"account": 5, "device": 5, "source": 6}}
    for number in range(8):
        fail(f"guessed{number}")
    assert Lockout.objects.filter(kind=LockKind.SOURCE).standing().count() == 1
    assert unlocked("--source", "127.0.0.1", *WHY) == ({"standing": 1, "lifted": 1, "refused": [], "unknown": []}, 0)
    assert Lockout.objects.standing().get().kind == LockKind.ACCOUNT


def test_who_is_nobody_is_said_and_the_exit_is_one(ada: Any) -> None:
    assert unlocked("ada", "nobody", *WHY) == ({"standing": 1, "lifted": 1, "refused": [], "unknown": ["nobody"]}, 1)


def test_an_actor_needs_the_right_and_reaches_only_their_people(ada: Any, settings: Any) -> None:
    agent = staff("recovery.unlock").user.username  # type: ignore[attr-defined]
    settings.RECOVERY = settings.RECOVERY | {"MAY_ACT_ON": ALL_BUT_ADA}
    assert unlocked("ada", *WHY, "--actor", agent) == (
        {"standing": 0, "lifted": 0, "refused": [], "unknown": ["ada"]},
        1,
    )
    settings.RECOVERY = {key: value for key, value in settings.RECOVERY.items() if key != "MAY_ACT_ON"}
    assert unlocked("ada", *WHY, "--actor", agent)[1] == 0
    assert AuditEvent.objects.get(action=Action.UNLOCKED).actor_key


def test_an_actor_lifts_no_lock_by_staff_of_somebody_of_higher_rank(ada: Any) -> None:
    boss, agent = superuser().user, staff("recovery.unlock").user  # type: ignore[attr-defined]
    row = lockouts.lock(boss, actor=StaffFactory(), reason="stolen laptop")
    told, code = unlocked("ada", boss.username, *WHY, "--actor", agent.username)
    assert (told["lifted"], [each["user"] for each in told["refused"]], code) == (1, [str(boss.pk)], 1)
    assert Lockout.objects.get(pk=row.pk).stands
    assert unlocked(boss.username, *WHY)[0]["lifted"] == 1


@pytest.mark.parametrize(
    "args", [(*WHY,), ("ada", "--reason", "  "), ("ada", *WHY, "--actor", "nobody"), ("ada", *WHY, "--actor", "ada")]
)
def test_bad_usage_is_two(ada: Any, args: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("recovery_unlock", *args)
    assert refused.value.returncode == 2
    assert Lockout.objects.get().stands
