"""Somebody asks for a new password who never chose a first: told apart from people who sign in elsewhere."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import update_last_login
from django.core import mail

from recovery import resets
from recovery.models import Email, ResetToken
from recovery.origin import Origin
from recovery.reasons import EmailKind, Kind, Outcome, TokenState
from tests.asking import ask, asked, asked_for, browser, recipients, work
from tests.factories import StaffFactory, UserFactory
from tests.following import let_pass
from tests.gates import OF_AN_ACTIVATION, asks, let_a_minute_pass
from tests.joining import activated, has_joined, invited, joins, mailed_to
from tests.ladder import fails

pytestmark = pytest.mark.django_db(transaction=True)


def kinds() -> list[str]:
    return list(Email.objects.order_by("queued_at", "pk").values_list("kind", flat=True))


@pytest.mark.parametrize("by", ["email", "username"])
def test_they_get_the_activation_mail_again_and_join_by_it(by: str) -> None:
    user = invited()
    first = mailed_to(user)
    let_a_minute_pass()
    ask(browser(), getattr(user, by))
    assert work() == [Outcome.SENT]
    request = asked()
    assert (request.kind, kinds()) == (Kind.FORGOT, [EmailKind.ACTIVATION] * 2)
    assert [step["gate"] for step in request.decisions.get().gates] == [gate.value for gate in OF_AN_ACTIVATION]
    assert ResetToken.objects.get(request=request).state == TokenState.LIVE
    assert "Asked on" in mail.outbox[-1].body
    assert "Asked on" not in mail.outbox[0].body
    assert mailed_to(user) != first
    joins(mailed_to(user))
    assert has_joined(user)
    request.refresh_from_db()
    assert request.outcome == Outcome.COMPLETED


def test_whoever_was_never_invited_signs_in_elsewhere_and_is_told_so() -> None:
    asks(UserFactory.create(password=None))
    assert asked().outcome == Outcome.NO_PASSWORD
    assert kinds() == [EmailKind.NO_PASSWORD]


def test_whoever_joined_by_signing_in_elsewhere_is_no_longer_activated() -> None:
    user = invited()
    update_last_login(None, user)
    let_a_minute_pass()
    asks(user)
    assert asked().outcome == Outcome.NO_PASSWORD
    assert kinds() == [EmailKind.ACTIVATION, EmailKind.NO_PASSWORD]


def test_whoever_joined_and_whose_password_was_taken_away_does_not_get_it_back_by_asking() -> None:
    user = invited()
    joins(mailed_to(user))
    user.refresh_from_db()
    user.set_unusable_password()
    user.save()
    asks(user)
    assert asked().outcome == Outcome.NO_PASSWORD


def test_whoever_joined_gets_a_reset_like_everybody() -> None:
    user = invited()
    joins(mailed_to(user))
    asks(user)
    assert asked().outcome == Outcome.SENT
    assert Email.objects.filter(request=asked(), kind=EmailKind.RESET).exists()


def test_whoever_was_inactive_when_invited_gets_the_link_when_asking_later() -> None:
    user = UserFactory.create(password=None, is_active=False)
    assert activated(user).outcome == Outcome.INACTIVE
    assert not mail.outbox
    user.is_active = True
    user.save()
    asks(user)
    assert kinds() == [EmailKind.ACTIVATION]
    joins(mailed_to(user))
    assert has_joined(user)


def test_a_reset_link_by_staff_is_an_activation_link_for_them() -> None:
    user = invited()
    resets.send_by_staff(user, actor=StaffFactory.create(), reason="on the phone", origin=Origin())
    assert work() == [Outcome.SENT]
    assert kinds() == [EmailKind.ACTIVATION] * 2


def test_one_address_of_a_newcomer_and_an_old_hand_gets_a_mail_for_each() -> None:
    newcomer = invited(email="family@example.com")
    old_hand = UserFactory.create(email="family@example.com")
    let_a_minute_pass()
    mail.outbox.clear()
    ask(browser(), "family@example.com")
    assert work() == [Outcome.SENT]
    assert recipients() == ["family@example.com"] * 2
    owners = {token.purpose: token.user_key for token in ResetToken.objects.filter(request=asked())}
    assert owners == {"activation": str(newcomer.pk), "reset": str(old_hand.pk)}


@pytest.mark.attack(1)
def test_the_page_tells_nobody_that_somebody_never_joined() -> None:
    identifiers = {"never joined": invited().email, "inactive": UserFactory.create(is_active=False).email}
    activated(UserFactory.create(password=None, email="invited@example.com", is_active=False))
    identifiers["inactive, invited"] = "invited@example.com"
    answers = [
        asked_for(browser(REMOTE_ADDR=f"192.0.2.{number}"), who) for number, who in enumerate(identifiers.values())
    ]
    assert answers == [asked_for(browser(REMOTE_ADDR="192.0.2.99"), "nobody@example.com")] * 3


def test_accounts_with_a_password_cost_no_further_statement(django_assert_num_queries: Any) -> None:
    user, newcomer = UserFactory.create(), UserFactory.create(password=None)
    with django_assert_num_queries(0):
        assert not resets.waits_to_join(user)
    with django_assert_num_queries(1):
        assert not resets.waits_to_join(newcomer)


def test_those_who_never_joined_are_found_and_nobody_else() -> None:
    wanted = [invited() for _ in range(3)]
    joined, elsewhere, left = invited(), invited(), invited()
    joins(mailed_to(joined))
    update_last_login(None, elsewhere)
    left.is_active = False
    left.save()
    UserFactory.create(), UserFactory.create(password=None)
    gone = invited()
    gone.delete()
    failed = invited()
    fails(Email.objects.get(user_key=str(failed.pk)))
    waits = UserFactory.create(password=None)
    resets.activate(waits)
    assert set(resets.never_joined()) == {waits, failed}
    let_pass(timedelta(days=7, minutes=1))
    invited()
    assert set(resets.never_joined()) == {waits, failed, *wanted}
