"""Who and what ends a lockout before its time, and what stays locked all the same."""

from typing import Any

import pytest
from django.db import transaction

from recovery import accounts, lockouts
from recovery.models import AuditEvent, Lockout, LoginCounter
from recovery.reasons import Action, LockKind, LockLift
from tests import hash_spy
from tests.asking import NEW_PASSWORD, set_password
from tests.factories import StaffFactory, UserFactory
from tests.following import mailed_link, opened
from tests.signing_in import LIMIT, counter, fail, locked, lockouts_of, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> Any:
    return StaffFactory.create()


def test_staff_lift_a_lockout_with_a_reason_and_the_counter_is_free(ada: Any, agent: Any) -> None:
    locked("ada")
    [lockout] = lockouts_of(ada)
    assert lockouts.lift(lockout, actor=agent, reason="called back")
    lockout.refresh_from_db()
    assert not lockout.stands
    assert (lockout.lifted_by, lockout.lifter_key) == (LockLift.STAFF, accounts.key_of(agent))
    [event] = AuditEvent.objects.filter(action=Action.UNLOCKED)
    assert (event.actor_key, event.reason, event.detail["by"]) == (accounts.key_of(agent), "called back", "staff")
    fail("ada", 4)
    assert sign_in("ada")


def test_what_does_not_stand_any_more_is_not_lifted(ada: Any, agent: Any) -> None:
    locked("ada")
    [lockout] = lockouts_of(ada)
    assert lockouts.lift(lockout, actor=agent, reason="once")
    assert not lockouts.lift(lockout, actor=agent, reason="twice")
    assert AuditEvent.objects.filter(action=Action.UNLOCKED).count() == 1


def test_staff_lock_an_account_until_staff_lift_it(ada: Any, agent: Any) -> None:
    lockout = lockouts.lock(ada, actor=agent, reason="left the company")
    assert (lockout.kind, lockout.until, lockout.reason) == (LockKind.STAFF, None, "left the company")
    assert lockouts.lock(ada, actor=agent, reason="again") == lockout
    assert not sign_in("ada")
    assert lockouts.standing(ada).count() == 1
    assert lockouts.lift(lockout, actor=agent, reason="came back")
    assert sign_in("ada")


def test_a_lock_by_staff_follows_the_account_under_a_new_name(ada: Any, agent: Any) -> None:
    lockouts.lock(ada, actor=agent, reason="left the company")
    ada.username = "lady_lovelace"
    ada.save()
    assert not sign_in("lady_lovelace")


def test_from_then_on_it_refuses_the_new_name_unseen_and_leaves_the_old_one_to_others(ada: Any, agent: Any) -> None:
    lockouts.lock(ada, actor=agent, reason="left the company")
    ada.username = "lady_lovelace"
    ada.save()
    assert not sign_in("lady_lovelace")
    hash_spy.forget()
    assert not sign_in("lady_lovelace")
    assert hash_spy.hashed() == 0
    UserFactory.create(username="ada")
    assert sign_in("ada")


def test_it_follows_it_also_when_what_failures_brought_was_lifted(ada: Any, agent: Any) -> None:
    locked("ada")
    [lockout] = lockouts_of(ada)
    lockouts.lock(ada, actor=agent, reason="left the company")
    assert lockouts.lift(lockout, actor=agent, reason="called back")
    ada.username = "lady_lovelace"
    ada.save()
    assert not sign_in("lady_lovelace")


def test_of_two_names_that_differ_by_spelling_each_is_free_once_both_are_lifted(ada: Any, agent: Any) -> None:
    twin = UserFactory.create(username="Ada")
    rows = [lockouts.lock(user, actor=agent, reason="left the company") for user in (ada, twin)]
    for row in rows:
        assert not sign_in("ada")
        assert lockouts.lift(row, actor=agent, reason="came back")
    assert sign_in("ada")
    assert sign_in("Ada")


def test_a_new_password_over_a_link_frees_the_account(ada: Any) -> None:
    locked("ada")
    client, form = opened(mailed_link(ada))
    set_password(client, form)
    [lockout] = lockouts_of(ada)
    assert (lockout.lifted_by, lockout.stands) == (LockLift.RESET, False)
    assert counter("ada") is None
    assert sign_in("ada", NEW_PASSWORD)


def test_it_also_takes_failures_that_have_not_locked_yet(ada: Any) -> None:
    fail("ada", 4)
    client, form = opened(mailed_link(ada))
    set_password(client, form)
    fail("ada", 4)
    assert sign_in("ada", NEW_PASSWORD)


def test_it_lifts_no_lock_by_staff_and_none_of_a_source(ada: Any, agent: Any) -> None:
    lockouts.lock(ada, actor=agent, reason="left the company")
    Lockout.objects.create(kind=LockKind.SOURCE, counter_key=7)
    client, form = opened(mailed_link(ada))
    set_password(client, form)
    assert Lockout.objects.filter(lifted_at=None).count() == 2
    assert not sign_in("ada", NEW_PASSWORD)


def test_lifting_shares_the_callers_transaction(ada: Any) -> None:
    locked("ada")
    with transaction.atomic():
        assert lockouts.lift_automatic(ada) == 1
        transaction.set_rollback(True)
    assert lockouts.standing(ada).count() == 1
    assert not sign_in("ada")
    assert not AuditEvent.objects.filter(action=Action.UNLOCKED).exists()
    assert lockouts.lift_automatic(ada) == 1
    assert lockouts.lift_automatic(ada) == 0
    assert not LoginCounter.objects.filter(pk=lockouts.of_name("ada")).exists()


def test_lockouts_of_which_nobody_decided_who_is_told_are_found(ada: Any) -> None:
    locked("ada")
    locked("nobody")
    assert list(lockouts.untold()) == list(Lockout.objects.order_by("pk"))
    Lockout.objects.update(told_at="2026-01-01T00:00Z")
    assert not lockouts.untold().exists()


@pytest.mark.attack(49)
@pytest.mark.parametrize(("victim", "own"), [("weiß", "weiss"), ("MÜLLER", "müller"), ("Ada", "ada")])
def test_who_has_a_like_name_frees_nothing_of_the_other(victim: str, own: str) -> None:
    """Neither by a success of their own nor by a new password of their own."""
    other, eve = UserFactory.create(username=victim), UserFactory.create(username=own)
    fail(victim, LIMIT - 1)
    LoginCounter.objects.filter(pk=lockouts.of_name(victim)).update(streak=99)
    assert sign_in(own)
    assert counter(victim).streak == 99
    fail(victim, 1)
    client, form = opened(mailed_link(eve))
    set_password(client, form)
    assert counter(victim).streak == 100
    assert not sign_in(victim)
    assert lockouts.standing(other).count() == 1


def test_staff_unlock_a_name_that_was_locked_before_somebody_had_it(agent: Any) -> None:
    fail("newcomer", LIMIT - 1)
    LoginCounter.objects.filter(pk=lockouts.of_name("newcomer")).update(streak=99)
    fail("newcomer", 1)
    newcomer = UserFactory.create(username="newcomer")
    assert not sign_in("newcomer")
    [lockout] = lockouts.standing(newcomer)
    assert lockouts.lift(lockout, actor=agent, reason="has just joined")
    assert sign_in("newcomer")
