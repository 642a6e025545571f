"""Asking again and again under attack: limits, their spellings and sources, full inboxes (cases 7 to 9, 14)."""

import unicodedata
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recovery import floods, resets
from recovery.models import LimitCounter, ResetRequest
from recovery.reasons import Outcome
from tests.asking import FORGOT, ask, asked, asked_for, browser, links, recipients, work
from tests.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.attack(7)
def test_a_limit_is_reached_at_the_same_ask_by_known_and_unknown_and_shows_to_neither(settings: Any) -> None:
    known = UserFactory.create().email
    settings.RECOVERY = {**settings.RECOVERY, "COOLDOWN": timedelta(0)}
    outcomes, answers = {}, {}
    for name, identifier in {"known": known, "unknown": "nobody@example.com"}.items():
        for number in range(50):
            answers[name, number] = asked_for(browser(REMOTE_ADDR=f"192.0.2.{number}"), identifier)
        requests = ResetRequest.objects.filter(identifier=identifier).order_by("requested_at")
        outcomes[name] = list(requests.values_list("outcome", flat=True))
    assert outcomes["known"] == outcomes["unknown"] == [Outcome.RECEIVED] * 5 + [Outcome.THROTTLED] * 45
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


WIDE = {chr(code - 0xFEE0): chr(code) for code in range(0xFF01, 0xFF5F)}
TRICKS = {
    "upper": str.upper,
    "swapped": str.swapcase,
    "full width": lambda text: "".join(WIDE.get(each, each) for each in text),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "composed": lambda text: unicodedata.normalize("NFC", text),
    "blanks": lambda text: f"\u3000\u00a0 {text}  ",
    "kelvin": lambda text: text.replace("k", "\u212a"),
    "long s": lambda text: text.replace("s", "\u017f"),
    "ligature": lambda text: text.replace("fi", "\ufb01"),
}
typeable = st.text(
    st.characters(categories=["L", "N"], max_codepoint=0x24F).filter(lambda each: each not in "\u0130\u0131"),
    min_size=1,
    max_size=12,
)


@pytest.mark.attack(8)
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=typeable, host=typeable, tricks=st.lists(st.sampled_from(sorted(TRICKS)), min_size=1, max_size=4))
def test_however_a_name_is_spelt_the_second_ask_is_counted_with_the_first(
    settings: Any, name: str, host: str, tricks: list[str]
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"address": (1, timedelta(hours=1))}}
    plain = f"{name}@{host}.example"
    spelt = plain
    for trick in tricks:
        spelt = TRICKS[trick](spelt)
    LimitCounter.objects.all().delete()
    outcomes = []
    for number, typed in enumerate((plain, spelt)):
        answer = ask(browser(REMOTE_ADDR=f"192.0.2.{number}"), typed)
        assert answer.status_code == 302, typed
        outcomes.append(asked().outcome)
    assert outcomes == [Outcome.RECEIVED, Outcome.THROTTLED], (plain, spelt)


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
def test_a_thousand_asks_from_two_hundred_places_fill_no_inbox_and_stop_nobody_else(
    settings: Any, cooldown: timedelta, most: int
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "COOLDOWN": cooldown}
    victim, others = UserFactory.create(), UserFactory.create_batch(3)
    spellings = [victim.email, victim.username, victim.email.upper(), f" {victim.email}"]
    places = [browser(REMOTE_ADDR=f"203.0.113.{number}") for number in range(200)]
    for number in range(1000):
        ask(places[number % 200], spellings[number % 4])
        if not number % 100:
            work()
    for place, other in zip([places[0], places[199], browser(REMOTE_ADDR="192.0.2.1")], others, strict=True):
        ask(place, other.email)
    assert work() == [Outcome.SENT] * 3
    assert recipients() == [victim.email] * most + [other.email for other in others]
    assert links(mail.outbox[-1])
    of_victim = ResetRequest.objects.filter(identifier__in=[victim.email, victim.username, victim.email.upper()])
    counted = Counter(of_victim.values_list("outcome", flat=True))
    assert counted[Outcome.THROTTLED] == 990 + (0 if cooldown else 5)
    assert counted.total() == 1000


@pytest.mark.attack(14)
def test_a_sign_up_form_fills_no_inbox_with_activation_mail(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ACTIVATE_NEW_USERS": True}
    for number in range(30):
        UserFactory.create(
            username=f"bot{number}", email=f"{'Victim' if number % 2 else 'victim'}@example.com", password=None
        )
    outcomes = Counter(work())
    assert outcomes == {Outcome.SENT: 10, Outcome.THROTTLED: 20}
    assert len(mail.outbox) == 10
    UserFactory.create(password=None)
    assert work() == [Outcome.SENT]
    last = UserFactory.create(email="victim@example.com")
    last.set_unusable_password()
    last.save()
    resets.activate(last, actor=StaffFactory.create(), reason="on the phone")
    assert work() == [Outcome.SENT]


@pytest.mark.attack(14)
def test_a_flood_for_one_person_sounds_an_alarm_and_is_shown_to_staff_with_its_end() -> None:
    victim = UserFactory.create()
    for number in range(100):
        ask(browser(REMOTE_ADDR=f"203.0.113.{number}"), victim.email)
    flood = floods.unusual()
    assert flood
    assert (flood.asks, flood.refused, flood.places) == (100, 95, 100)
    free = resets.held_up([victim])[str(victim.pk)]
    assert set(free) == {"address"}
    assert timedelta(minutes=59) < free["address"] - timezone.now() <= timedelta(hours=1, seconds=1)
