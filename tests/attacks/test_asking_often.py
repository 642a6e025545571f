"""Asking again and again under attack: limits, their spellings and sources, full inboxes (cases 7 to 9, 14)."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from recovery.models import ResetRequest
from recovery.reasons import Outcome
from tests.asking import FORGOT, ask, asked, asked_for, browser, links, recipients, work
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.attack(7)
def test_a_limit_is_reached_at_the_same_ask_by_known_and_unknown_and_shows_to_neither(settings: Any) -> None:
    known = UserFactory.create().email
    settings.RECOVERY = {**settings.RECOVERY, "COOLDOWN": timedelta(0)}
    outcomes, answers = {}, {}
    for name, identifier in {"known": known, "unknown": "nobody@example.com"}.items():
        for number in range(12):
            answers[name, number] = asked_for(browser(REMOTE_ADDR=f"192.0.2.{number}"), identifier)
        requests = ResetRequest.objects.filter(identifier=identifier).order_by("requested_at")
        outcomes[name] = list(requests.values_list("outcome", flat=True))
    assert outcomes["known"] == outcomes["unknown"] == [Outcome.RECEIVED] * 5 + [Outcome.THROTTLED] * 7
    assert len({repr(answer) for answer in answers.values()}) == 1


SPELLINGS = [
    "ada@example.com",
    "ADA@EXAMPLE.COM",
    " ada@example.com ",
    "Ada@Example.Com",
    "ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ",
]


@pytest.mark.attack(8)
def test_every_spelling_of_an_address_counts_for_one() -> None:
    for number, spelling in enumerate(SPELLINGS):
        ask(browser(REMOTE_ADDR=f"192.0.2.{number}"), spelling)
        assert asked().outcome == Outcome.RECEIVED
    for number, spelling in enumerate(SPELLINGS):
        ask(browser(REMOTE_ADDR=f"192.0.2.9{number}"), spelling)
        assert asked().outcome == Outcome.THROTTLED, spelling


@pytest.mark.attack(8)
def test_name_and_address_of_one_account_share_its_cap_of_links(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "COOLDOWN": timedelta(0)}
    user = UserFactory.create()
    for number in range(8):
        ask(browser(REMOTE_ADDR=f"192.0.2.{number}"), user.email if number % 2 else user.username)
        work()
    assert len(mail.outbox) == 5


@pytest.mark.attack(9)
def test_a_field_that_the_attacker_adds_or_doubles_buys_no_further_ask() -> None:
    user = UserFactory.create()
    for number in range(8):
        browser(REMOTE_ADDR=f"192.0.2.{number}").post(
            FORGOT,
            {
                "email": f"{number}@example.com",
                "username": f"{number}",
                "identifier": [f"{number}@example.com", user.email],
                "source": f"{number}",
                "key": f"{number}",
            },
        )
    outcomes = ResetRequest.objects.order_by("requested_at").values_list("outcome", flat=True)
    assert list(outcomes) == [Outcome.RECEIVED] * 5 + [Outcome.THROTTLED] * 3


@pytest.mark.attack(9)
def test_a_forwarded_header_of_the_attackers_making_buys_no_further_ask(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "TRUSTED_PROXIES": 1}
    for number in range(22):
        forged = f"10.0.0.{number}, 203.0.113.5"
        ask(browser(), f"somebody{number}@example.com", HTTP_X_FORWARDED_FOR=forged)
    assert ResetRequest.objects.filter(outcome=Outcome.THROTTLED).count() == 2


@pytest.mark.attack(14)
def test_who_has_used_up_the_asks_of_one_source_shuts_nobody_out(settings: Any) -> None:
    attacker, victims = browser(REMOTE_ADDR="203.0.113.66"), UserFactory.create_batch(10)
    for number in range(20):
        ask(attacker, f"somebody{number}@example.com")
    for _ in range(8):
        for victim in victims:
            ask(attacker, victim.email)
            assert asked().outcome == Outcome.THROTTLED
    for victim in victims:
        ask(browser(REMOTE_ADDR="192.0.2.1"), victim.email)
        assert asked().outcome == Outcome.RECEIVED


@pytest.mark.attack(14)
@pytest.mark.parametrize(("cooldown", "most"), [(timedelta(seconds=60), 1), (timedelta(0), 5)])
def test_two_hundred_askers_fill_no_inbox_and_stop_nobody_else(settings: Any, cooldown: timedelta, most: int) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "COOLDOWN": cooldown}
    victim, other = UserFactory.create(), UserFactory.create()
    spellings = [victim.email, victim.username, victim.email.upper(), f" {victim.email}"]
    for number in range(200):
        ask(browser(REMOTE_ADDR=f"203.0.113.{number}"), spellings[number % 4])
    work()
    ask(browser(REMOTE_ADDR="192.0.2.1"), other.email)
    work()
    assert recipients() == [victim.email] * most + [other.email]
    assert ResetRequest.objects.count() == 201
    assert links(mail.outbox[-1])
