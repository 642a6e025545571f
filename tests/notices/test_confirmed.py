"""“This was not me”, confirmed: once, so many a day, all of it or nothing."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from recovery import notices
from recovery.models import AuditEvent, Objection, Rotation, SupportCase
from recovery.origin import Origin
from recovery.reasons import Action, CaseReason, ObjectionEnd
from tests.asking import NEW_PASSWORD, browser, follow, links, set_password
from tests.following import failing, let_pass, trail
from tests.ladder import with_backup
from tests.notices.told import SPARE, told
from tests.objecting import DONE, code_in, link_in, newest_to, opened, says_so

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_confirmed_one_is_confirmed_once(user: Any) -> None:
    message = told(user)
    client, form = opened(link_in(message))
    client.get(form)
    answers = [client.post(form, {"code": code_in(message)}) for _ in range(2)]
    assert answers[0].url == f"{DONE}rotated"
    assert client.cookies["recovery_objection_token"].value == ""
    assert "recovery/not_me_dead.html" in {each.name for each in answers[1].templates}
    assert Rotation.objects.count() == 1
    assert len(trail(Action.OBJECTED)) == 1


def test_three_passwords_a_day_are_ended_so_and_then_support_decides(user: Any) -> None:
    for number in range(4):
        notices.new_device(user, origin=Origin(ip=f"198.51.{number}.9"))
        answer = says_so(newest_to(user.email))
        assert answer.url == f"{DONE}{ObjectionEnd.ROTATED if number < 3 else ObjectionEnd.ESCALATED}"
        if number < 3:
            client = browser()
            assert set_password(client, follow(client, links(newest_to(user.email))[0])).status_code == 302
            newest_to(user.email)
    assert Rotation.objects.count() == 3
    case = SupportCase.objects.get(closed_at=None)
    assert case.reason == CaseReason.COMPROMISED
    assert "nothing was ended" in browser().get(answer.url).content.decode()


def test_over_a_backup_address_one_a_week_is_ended_and_then_support_decides(user: Any) -> None:
    """Its reader could keep the person out for ever otherwise: each new password is told there, too."""
    with_backup(user, SPARE)
    assert says_so(told(user, SPARE)).url == f"{DONE}rotated"
    client = browser()
    set_password(client, follow(client, links(newest_to(user.email))[0]))
    changed = newest_to(SPARE)
    assert "was changed" in changed.subject
    assert says_so(changed).url == f"{DONE}escalated"
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert SupportCase.objects.filter(closed_at=None).exists()
    let_pass(timedelta(days=7, minutes=1))
    assert says_so(told(user, SPARE)).url == f"{DONE}rotated"


@pytest.mark.parametrize("table", ["recovery_auditevent", "recovery_rotation", "recovery_supportcase"])
def test_it_holds_whole_or_not_at_all(user: Any, table: str) -> None:
    message = told(user)
    client, form = opened(link_in(message))
    client.get(form)
    rows = AuditEvent.objects.count()
    client.raise_request_exception = True
    with failing(f'INSERT INTO "{table}"') as refused, pytest.raises(OperationalError):
        client.post(form, {"code": code_in(message)})
    assert refused
    assert (Objection.objects.get().try_count, Objection.objects.get().confirmed_at) == (0, None)
    assert AuditEvent.objects.count() == rows
    assert not Rotation.objects.exists()
    assert client.post(form, {"code": code_in(message)}).url == f"{DONE}rotated"
