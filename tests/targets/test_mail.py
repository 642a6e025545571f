"""The mail to the support team: a row of our own outbox, tried again as all mail is, and never doubled."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from recovery import cases, suppressions, sweep
from recovery.models import Email, SupportCase
from recovery.reasons import Alarm, EmailKind, EmailState
from tests.factories import StaffFactory, UserFactory
from tests.following import let_pass, provider
from tests.ladder import asks, bodies_to, fails

pytestmark = pytest.mark.django_db(transaction=True)

DESK = "support@example.org"


@pytest.fixture(autouse=True)
def _desk(settings: Any) -> None:
    given = {"TARGET": "recovery.cases.targets.email", "TO": DESK}
    settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [given]}


def opened() -> SupportCase:
    fails(asks(UserFactory.create(username="ada", email="ada.lovelace@example.com")))
    return SupportCase.objects.get()


def later() -> None:
    let_pass(timedelta(minutes=10))
    sweep.sweep()


def test_it_tells_of_the_case_and_of_its_end_by_a_mail_each() -> None:
    case = opened()
    [body] = bodies_to(DESK)
    [email] = Email.objects.filter(kind=EmailKind.SUPPORT_CASE)
    assert email.context["case"] == str(case.pk)
    assert f"/admin/recovery/supportcase/{case.pk}/change/" in body
    cases.close(case, actor=StaffFactory.create(), reason="called back")
    later()
    assert len(bodies_to(DESK)) == 2


@pytest.mark.parametrize("backend", ["Unreachable", "Surprising"])
def test_a_way_out_that_fails_delays_it_and_doubles_nothing(backend: str, settings: Any) -> None:
    failed = asks(UserFactory.create())
    with provider(f"tests.backends.{backend}", settings):
        fails(failed)
        later()
        assert bodies_to(DESK) == []
    for _ in range(3):
        later()
    assert len(bodies_to(DESK)) == 1
    assert Email.objects.get(kind=EmailKind.SUPPORT_CASE).state == EmailState.HANDED_OVER


def test_it_says_no_link_no_full_address_and_no_client_address() -> None:
    opened()
    link = mail.outbox[0].body.split("/reset/")[1].split("/")
    [message] = [message for message in mail.outbox if message.to == [DESK]]
    for secret in ("ada.lovelace@example.com", "127.0.0.1", link[0], link[1].strip()):
        assert secret not in message.message().as_string()
        assert secret not in message.body


def test_several_people_of_the_desk_have_a_mail_each(settings: Any) -> None:
    given = {"TARGET": "recovery.cases.targets.email", "TO": [DESK, "night@example.org"]}
    settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [given]}
    opened()
    assert [len(bodies_to(address)) for address in (DESK, "night@example.org")] == [1, 1]


@pytest.mark.parametrize("fate", ["bounced", "suppressed"])
def test_a_mail_to_the_desk_that_does_not_arrive_sounds_an_alarm_once(fate: str, heard: list[Any]) -> None:
    if fate == "suppressed":
        suppressions.add(DESK, reason="bounced", source="postmark")
    opened()
    later()
    if fate == "bounced":
        fails(Email.objects.get(kind=EmailKind.SUPPORT_CASE))
    later()
    assert [alarm for alarm, _ in heard] == [Alarm.CASE_NOT_TOLD]
