"""Attacks at the door, seen by those whom they are meant to shut out: owners at home and elsewhere, and neighbours."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from recovery.models import Lockout
from tests.asking import NEW_PASSWORD, browser
from tests.factories import PASSWORD, UserFactory
from tests.following import let_pass, mailed_link, works
from tests.homes import at_home, cookie_of, signs_in, with_cookie
from tests.signing_in import LIMIT, fail, lockouts_of, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)


def guesses(number: int, name: str = "mike") -> None:
    """One wrong password from each of so many places."""
    for place in range(number):
        fail(name, REMOTE_ADDR=f"198.51.{place}.{number}")


@pytest.mark.attack(51)
def test_an_hour_of_guessing_shuts_no_owner_out(victim: Any) -> None:
    """Case 51: at home the first try works at any time; elsewhere a reset lets in. No lock is longer than its cap."""
    home, bystander = at_home(victim), UserFactory.create(username="nora")
    refused = 0
    for minute in range(60):
        guesses(LIMIT + 1)
        for lockout in Lockout.objects.filter(lifted_at=None, until__gt=timezone.now()):
            assert lockout.until is not None
            assert lockout.until - timezone.now() <= timedelta(minutes=15)
        if minute % 10 == 5:
            copy = with_cookie(cookie_of(home))
            assert signs_in(copy, victim).status_code == 302
            refused += not sign_in("mike", REMOTE_ADDR="192.0.2.9")
        let_pass(MINUTE)
    assert refused >= 4  # elsewhere the right password was mostly as good as a wrong one
    assert {each.kind for each in lockouts_of(victim)} == {"account"}
    assert sign_in("nora", REMOTE_ADDR="198.51.0.6")
    assert signs_in(home, victim).status_code == 302
    guesses(LIMIT)
    assert works(mailed_link(victim), victim)
    assert sign_in("mike", NEW_PASSWORD, REMOTE_ADDR="192.0.2.9")
    assert bystander.is_active


@pytest.mark.slow
@pytest.mark.attack(57)
def test_spraying_is_stopped_at_the_source_and_costs_its_neighbours_nothing(victim: Any) -> None:
    """Case 57: one password for each of a thousand names from one place. Afterwards somebody elsewhere signs in."""
    place = browser(REMOTE_ADDR="203.0.113.7")
    statuses = [signs_in(place, f"person{number}", "summer2026").status_code for number in range(1000)]
    assert statuses.count(200) == 50
    assert statuses.count(429) == 950
    assert [each.kind for each in Lockout.objects.all()] == ["source"]
    assert signs_in(place, victim).status_code == 429
    assert sign_in("mike", REMOTE_ADDR="203.0.113.8")


@pytest.mark.attack(57)
def test_fifty_people_behind_one_address_who_mistype_once_get_in(victim: Any) -> None:
    people = [UserFactory.create() for _ in range(50)]
    for person in people:
        fail(person.username, REMOTE_ADDR="203.0.113.7")
    assert all(sign_in(person.username, REMOTE_ADDR="203.0.113.7") for person in people)


def guess_at(client: Client, times: int = LIMIT) -> list[int]:
    return [signs_in(client, "mike", f"guess {number}").status_code for number in range(times)]


@pytest.mark.attack(63)
def test_a_stolen_cookie_has_its_own_guesses_and_then_none(victim: Any) -> None:
    """Case 63: and after a reset it is worth nothing. Neither way it shuts the owner out."""
    home = at_home(victim)
    thief = with_cookie(cookie_of(home), REMOTE_ADDR="203.0.113.7")
    assert signs_in(home, victim).status_code == 302  # the owner's cookie is another one since
    assert guess_at(thief, LIMIT + 3) == [*[200] * 4, *[429] * 4]
    assert signs_in(thief, victim).status_code == 429
    assert [each.kind for each in lockouts_of(victim)] == ["device"]
    assert signs_in(home, victim).status_code == 302
    assert sign_in("mike", REMOTE_ADDR="192.0.2.9")
    assert works(mailed_link(victim), victim)
    guess_at(thief)
    assert [each.kind for each in lockouts_of(victim)] == ["device", "account"]  # a stranger like any other


@pytest.mark.attack(63)
def test_the_cookie_of_somebody_elses_account_is_none_here(victim: Any) -> None:
    thief = at_home(UserFactory.create(username="eve"))
    assert guess_at(thief)[-1] == 429
    assert [each.kind for each in lockouts_of(victim)] == ["account"]
    assert sign_in("eve", PASSWORD, thief)
