"""Everything that is held about a person, told to them: all of it, no secret, and of staff no more than that it was."""

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from recovery import accounts, privacy
from recovery.models import AuditEvent, ResetToken
from recovery.reasons import Action
from tests.admin.staff import ALL_BUT_ADA, staff
from tests.asking import ask, asked, browser, work
from tests.factories import StaffFactory, UserFactory
from tests.following import mailed_link, verifier_of
from tests.privacy.life import ADDRESS, AWAY, HOME, NAME, SPARE, grace, lives

pytestmark = pytest.mark.django_db(transaction=True)

VIEW, RIGHT = "recovery.view_resetrequest", "recovery.export_person"


def page_of(user: Any) -> str:
    return f"/admin/recovery/resetrequest/person/{accounts.key_of(user)}/file/"


def taken(client: Client, user: Any, **facts: str) -> Any:
    client.handler.enforce_csrf_checks = False
    return client.post(page_of(user), {"reason": "asked by letter", **facts})


def test_the_file_has_every_row_and_every_text_about_the_person(settings: Any) -> None:
    user = grace()
    lives(user, settings)
    told = privacy.export(privacy.of_user(user))
    held = privacy.held(privacy.of_user(user))
    assert {kind: len(told["held"][kind]) for kind in held} == held
    text = json.dumps(told)
    for each in (ADDRESS, SPARE, NAME, HOME, AWAY, "550 5.1.1", "writes from"):
        assert each in text
    assert told["account"]["user_name"] == NAME
    assert told["kept_for_days"]["raw_events"] == 30
    assert told["held"]["trail"]


def test_no_secret_and_nothing_of_staff_is_in_it(settings: Any) -> None:
    user = grace()
    link = mailed_link(user)
    lives(user, settings)
    text = json.dumps(privacy.export(privacy.of_user(user)))
    for token in ResetToken.objects.all():
        assert token.selector not in text
        assert token.digest not in text
        assert not token.fingerprint or token.fingerprint not in text
    assert verifier_of(link) not in text
    assert "code_salt" not in text
    told = privacy.export(privacy.of_user(user))["held"]
    assert {row["actor_key"] for row in told["notes"]} == {"staff"}
    assert {row["proposer_key"] for row in told["corrections"]} == {"staff"}
    assert {row["actor_key"] for row in told["trail"]} <= {"", "staff", accounts.key_of(user)}


def test_who_shares_an_address_does_not_read_of_the_other() -> None:
    user = grace()
    UserFactory.create(username="husband", email=ADDRESS)
    ask(browser(), user.email)
    work()
    assert asked().decisions.count() == 2
    assert "husband" not in json.dumps(privacy.export(privacy.of_user(user)))


def test_the_command_prints_it_and_is_on_record(capsys: pytest.CaptureFixture[str]) -> None:
    user = grace()
    mailed_link(user)
    call_command("recovery_person", NAME)
    assert "requests 1" in capsys.readouterr().out
    assert not AuditEvent.objects.filter(action=Action.PERSON_EXPORTED).exists()
    call_command("recovery_person", NAME, "--json", "--reason", "ticket 4711")
    assert json.loads(capsys.readouterr().out)["held"]["requests"][0]["identifier"] == ADDRESS
    row = AuditEvent.objects.get(action=Action.PERSON_EXPORTED)
    assert (row.user_key, row.reason) == (accounts.key_of(user), "ticket 4711")
    with pytest.raises(CommandError, match="no account"):
        call_command("recovery_person", "whoever")


def test_staff_with_the_right_take_it_from_the_persons_page_with_a_reason() -> None:
    user = grace()
    mailed_link(user)
    client = staff(VIEW, RIGHT)
    assert page_of(user) in client.get(page_of(user).removesuffix("file/")).content.decode()
    asking = client.get(page_of(user))
    assert asking.status_code == 200
    assert ADDRESS not in asking.content.decode()
    assert taken(client, user, reason=" ")["Content-Type"].startswith("text/html")
    answer = taken(client, user)
    assert answer["Content-Type"] == "application/json"
    assert "no-store" in answer["Cache-Control"]
    assert answer["Content-Disposition"] == f'attachment; filename="person-{user.pk}.json"'
    assert ADDRESS in answer.content.decode()
    [row] = AuditEvent.objects.filter(action=Action.PERSON_EXPORTED)
    assert (row.actor_key, row.reason) == (accounts.key_of(client.user), "asked by letter")  # type: ignore[attr-defined]


def test_without_the_right_nobody_gets_it_nor_out_of_reach(settings: Any) -> None:
    user = UserFactory.create(username="ada")
    for client in (staff(VIEW), staff(RIGHT)):
        assert taken(client, user).status_code == 403
    assert page_of(user) not in staff(VIEW).get(page_of(user).removesuffix("file/")).content.decode()
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    assert taken(staff(VIEW, RIGHT), user).status_code == 404
    assert not AuditEvent.objects.filter(action=Action.PERSON_EXPORTED).exists()


def test_of_nobody_there_is_no_file() -> None:
    client = staff(VIEW, RIGHT)
    gone = StaffFactory.create()
    path = page_of(gone)
    gone.delete()
    assert client.get(path).status_code == 404
