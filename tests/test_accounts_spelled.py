"""Whose account is meant by how a name or address is spelled: exactly, in another case, and what either look costs."""

import re

import pytest
from django.core import mail

from recovery import accounts
from tests.asking import ask, browser, links, recipients, statements, work
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def test_an_exact_match_wins_over_twins_in_case() -> None:
    small, large = (UserFactory.create(email=address) for address in ("ada@example.com", "ADA@example.com"))
    ask(browser(), "ADA@example.com")
    work()
    assert recipients() == [large.email]
    ask(browser(), "ada@example.com")
    work()
    assert recipients() == [large.email, small.email]


def test_nobody_is_looked_for_once_where_addresses_have_no_index() -> None:
    with statements() as looked:
        assert accounts.find("nobody@example.com") == []
    assert len([sql for sql in looked.texts if 'FROM "auth_user"' in sql]) == 1


def test_a_user_name_as_it_is_spelled_is_found_by_its_own_index_and_else_in_any_case() -> None:
    small, large = (UserFactory.create(username=name) for name in ("ada", "ADA"))
    with statements() as looked:
        [found] = accounts.find("ada")
    assert found.user == small
    [look] = [sql for sql in looked.texts if 'FROM "auth_user"' in sql]
    assert not re.search("LIKE|UPPER|email", look.partition("WHERE")[2])
    assert [account.user for account in accounts.find("Ada")] == [small, large]


def test_without_an_exact_match_each_twin_gets_a_mail_at_its_own_stored_address() -> None:
    twins = [UserFactory.create(email=address) for address in ("ada@example.com", "ADA@example.com")]
    ask(browser(), "Ada@example.com")
    work()
    assert recipients() == [twin.email for twin in twins]
    assert [len(links(message)) for message in mail.outbox] == [1, 1]
