"""Erasing a person leaves alone what is others' as well: addresses, requests, mails, places and lists they share."""

from typing import Any

import pytest
from django.core import mail

from recovery import accounts, privacy, suppressions
from recovery.models import Decision, Email, ResetRequest, ResetToken, Suppression
from tests.asking import ask, asked, browser, follow, links, set_password, work
from tests.factories import UserFactory
from tests.following import opened, row_of
from tests.privacy.life import ADDRESS, NAME, grace
from tests.privacy.searching import where
from tests.rotations.people import force, funnel, readers
from tests.rotations.people import work as finish

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(109)]


def erased(user: Any) -> dict[str, int]:
    return privacy.erase(privacy.of_user(user), reason="ticket 4711").held


def test_whoever_shares_the_address_keeps_what_is_held_about_them() -> None:
    user, other = grace(), UserFactory.create(username="husband", email=ADDRESS)
    ask(browser(), ADDRESS)
    work()
    suppressions.add(ADDRESS, reason="complained", source="ours", kind="locked")
    erased(user)
    assert Suppression.objects.get().address_key == ADDRESS.lower(), "which is the other's as well"
    assert Decision.objects.get().user_key == accounts.key_of(other)
    assert ResetToken.objects.get().user_key == accounts.key_of(other)
    assert Email.objects.get().context["usernames"] == {accounts.key_of(other): "husband"}
    assert asked().identifier == ADDRESS
    assert where(NAME) == []
    client, form = opened(links(mail.outbox[-1])[1 if "husband" in mail.outbox[-1].body else 0])
    assert client.get(form).status_code == 200


def test_where_a_shared_request_was_answered_from_goes_with_whoever_answered_it() -> None:
    user, _other = grace(), UserFactory.create(username="husband", email=ADDRESS)
    ask(browser(), ADDRESS)
    work()
    [mine] = [link for link in links(mail.outbox[-1]) if row_of(link).user_key == accounts.key_of(user)]
    client = browser(REMOTE_ADDR="203.0.113.44")
    assert set_password(client, follow(client, mine)).status_code == 302
    assert ResetRequest.objects.get().completed_ip == "203.0.113.44"
    erased(user)
    assert where("203.0.113.44") == []


def test_an_attackers_address_stays_in_the_rows_of_the_others_whom_it_met() -> None:
    user, other = grace(), UserFactory.create()
    for name in (ADDRESS, other.email, "nobody@example.com"):
        ask(browser(REMOTE_ADDR="198.51.100.66"), name)
    work()
    erased(user)
    assert set(ResetRequest.objects.values_list("identifier", "ip")) == {
        (other.email, "198.51.100.66"), ("nobody@example.com", "198.51.100.66")
    }  # fmt: skip


def test_lists_of_several_people_go_on_adding_up() -> None:
    first, *others = readers(3)
    rotation = force([first, *others])
    finish()
    erased(first)
    assert sum(funnel(rotation).values()) == 2
    erased(others[0])
    assert sum(funnel(rotation).values()) == 1
    assert funnel(rotation).keys() == {"told"}
