"""Links as rows: what is stored, how long they live, how parallel and late callers are judged."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from recovery import accounts, outbox, tokens
from recovery.exceptions import SecretLost
from recovery.models import ResetToken
from recovery.reasons import EmailKind, Refusal, TokenState
from tests.asking import ask, asked, browser
from tests.factories import UserFactory
from tests.following import let_pass, mailed_link, row_of, verifier_of

pytestmark = pytest.mark.django_db(transaction=True)


def issued(user: Any) -> ResetToken:
    """A live link of ``user`` whose mail has not left."""
    ask(browser(), user.email)
    [email] = outbox.queue(
        EmailKind.RESET, [user.email], request=asked(), send_by=timezone.now() + timedelta(minutes=30)
    )
    return tokens.issue(user, request=asked(), email=email, address=user.email)


def test_a_row_holds_the_digest_of_the_secret_and_not_the_secret() -> None:
    link = mailed_link(UserFactory.create())
    row = row_of(link)
    assert row.digest == hashlib.sha256(verifier_of(link).encode()).hexdigest()
    assert verifier_of(link) not in repr(vars(row))


def test_a_link_is_good_from_its_issue_until_its_mail_may_leave_and_a_whole_life_on_top() -> None:
    token = issued(UserFactory.create())
    assert token.email is not None
    assert token.expires_at == token.email.send_by + timedelta(minutes=60)


def test_a_links_life_starts_when_its_mail_is_handed_over() -> None:
    token = issued(UserFactory.create())
    let_pass(timedelta(minutes=20))
    assert token.email is not None
    tokens.handed_over([token.email])
    token.refresh_from_db()
    assert abs(token.expires_at - timezone.now() - timedelta(minutes=60)) < timedelta(seconds=30)


def test_a_link_is_spent_once() -> None:
    token = issued(UserFactory.create())
    assert [tokens.spend(token), tokens.spend(token)] == [True, False]


def test_an_expired_link_cannot_be_spent() -> None:
    token = issued(UserFactory.create())
    let_pass(timedelta(hours=2))
    assert not tokens.spend(token)


@pytest.mark.parametrize("state", [state for state in TokenState if state != TokenState.LIVE])
def test_a_link_that_has_ended_is_refused_by_the_word_of_its_end_and_never_spent(state: str) -> None:
    user = UserFactory.create()
    token = issued(user)
    ResetToken.objects.update(state=state)
    token.refresh_from_db()
    assert tokens.refusal(token, user) == Refusal(str(state))
    assert not tokens.spend(token)


def test_all_live_links_of_one_account_are_revoked_and_none_of_another() -> None:
    user, other = UserFactory.create(), UserFactory.create()
    own, foreign = issued(user), issued(other)
    assert tokens.revoke(accounts.key_of(user)) == 1
    assert tokens.revoke(accounts.key_of(user)) == 0
    own.refresh_from_db()
    foreign.refresh_from_db()
    assert (own.state, foreign.state) == (TokenState.REVOKED, TokenState.LIVE)


def test_a_secret_whose_key_is_gone_is_lost_and_can_be_minted_anew(settings: Any) -> None:
    token = issued(UserFactory.create())
    settings.SECRET_KEY = "a new key"
    with pytest.raises(SecretLost):
        tokens.verifier_of(token)
    tokens.mint_anew(token)
    found = tokens.find(token.selector, tokens.verifier_of(token))
    assert found == token


@pytest.mark.parametrize(
    ("selector", "verifier"),
    [("", ""), ("nowhere", "x"), ("{s}", ""), ("{s}", "{v}x"), ("{s}x", "{v}"), ("{s}", "\udcff"), ("", "{v}")],
)
def test_only_selector_and_secret_together_find_a_link(selector: str, verifier: str) -> None:
    token = issued(UserFactory.create())
    secret = tokens.verifier_of(token)
    asked_for = selector.format(s=token.selector), verifier.format(v=secret)
    assert tokens.find(*asked_for) is None
    assert tokens.find_and_count(*asked_for, by_person=True) is None
    assert tokens.find(token.selector, secret) == token


def test_openings_are_counted_and_the_first_is_remembered() -> None:
    token = issued(UserFactory.create())
    secret = tokens.verifier_of(token)
    first = tokens.find_and_count(token.selector, secret, by_person=True)
    second = tokens.find_and_count(token.selector, secret, by_person=True)
    assert first is not None
    assert second is not None
    assert (first.open_count, second.open_count) == (1, 2)
    assert first.opened_at == second.opened_at
