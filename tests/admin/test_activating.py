"""How staff send activation links and make an inactive account active: by right, asked why, confirmed, on the trail."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import update_last_login
from django.core import mail
from django.test import Client

from recovery import accounts, intake, resets
from recovery.models import AuditEvent, ResetRequest
from recovery.origin import Origin
from recovery.reasons import Action, Kind, Outcome
from tests.admin.posting import REASON, USERS, page_of, posted, said, ticked
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.asking import work
from tests.factories import UserFactory
from tests.joining import activated, invited

pytestmark = pytest.mark.django_db

RIGHTS = ("auth.view_user", "recovery.activate")


def link_page_of(user: Any) -> str:
    return f"{USERS}{user.pk}/send-activation-link/"


def account_page_of(user: Any) -> str:
    return f"{USERS}{user.pk}/activate-account/"


def of_many(*people: Any, **data: Any) -> dict[str, Any]:
    return {**ticked(*people, **data), "action": "send_activation_links"}


@pytest.fixture
def newcomer() -> Any:
    return UserFactory.create(username="newcomer", password=None)


@pytest.fixture
def away() -> Any:
    return UserFactory.create(username="away", is_active=False)


def test_staff_send_the_link_again_with_a_reason_and_never_see_it() -> None:
    user = invited()
    client = staff(*RIGHTS, "recovery.view_resetrequest")
    assert link_page_of(user) in client.get(page_of(user)).content.decode()
    asking = client.get(link_page_of(user)).content.decode()
    assert "Send an activation link?" in asking
    assert "You do not see the link" in asking
    answer = posted(client, link_page_of(user), reason=REASON)
    request = ResetRequest.objects.latest("pk")
    assert (request.kind, request.reason) == (Kind.ACTIVATION, REASON)
    assert request.actor_key == accounts.key_of(client.user)  # type: ignore[attr-defined]
    [message] = said(answer)
    assert message.startswith("success: An activation link is on its way: ")
    assert request.shown_reference in message
    work()
    assert [message.to for message in mail.outbox] == [[user.email]] * 2
    event = AuditEvent.objects.get(action=Action.REQUESTED, request_id=request.pk)
    assert (event.actor_key, event.reason) == (request.actor_key, REASON)
    logged = LogEntry.objects.get(object_id=str(user.pk)).change_message
    assert logged == f"Sent an activation link ({request.shown_reference})."


def test_the_action_asks_once_for_many_and_sends_each_a_link(newcomer: Any) -> None:
    others: list[Any] = [UserFactory.create(password=None) for _ in range(2)]
    client = staff(*RIGHTS)
    asking = posted(client, USERS, link_page_of(newcomer), **of_many(newcomer, *others))
    assert "Send 3 activation links?" in asking.content.decode()
    assert not ResetRequest.objects.exists()
    people = of_many(newcomer, *others, reason=REASON, confirmed="1")
    [message] = said(posted(client, USERS, link_page_of(newcomer), **people))
    assert message.startswith("success: 3 activation links are on their way: ")
    assert ResetRequest.objects.filter(kind=Kind.ACTIVATION).count() == 3


@pytest.mark.parametrize(
    "rights", [(), ("auth.view_user",), ("recovery.activate",), ("auth.view_user", "recovery.send_reset")]
)
def test_neither_right_alone_is_enough_by_page_or_by_post(rights: tuple[str, ...], newcomer: Any, away: Any) -> None:
    client = staff(*rights)
    if "auth.view_user" in rights:
        for user in (newcomer, away):
            page = client.get(page_of(user)).content.decode()
            assert "send-activation-link" not in page
            assert "activate-account" not in page
        assert "send_activation_links" not in client.get(USERS).content.decode()
    for path in (link_page_of(newcomer), account_page_of(away)):
        assert client.get(path).status_code == 403
        assert posted(client, path, "/admin/password_change/", reason=REASON).status_code == 403
    posted(client, USERS, "/admin/password_change/", **of_many(newcomer, reason=REASON, confirmed="1"))
    away.refresh_from_db()
    assert not away.is_active
    assert not ResetRequest.objects.exists()


def test_get_changes_nothing_and_neither_does_a_post_from_elsewhere(newcomer: Any, away: Any) -> None:
    client = superuser()
    for path in (link_page_of(newcomer), account_page_of(away)):
        client.get(path, {"reason": REASON})
        client.head(path)
        assert client.post(path, {"reason": REASON}).status_code == 403
        assert "/login/" in Client().post(path, {"reason": REASON})["Location"]
    away.refresh_from_db()
    assert not away.is_active
    assert not ResetRequest.objects.exists()


@pytest.mark.parametrize("reason", ["", "   ", "\u200b", "x" * 501])
def test_without_a_reason_nothing_is_done(reason: str, newcomer: Any, away: Any) -> None:
    for path in (link_page_of(newcomer), account_page_of(away)):
        answer = posted(superuser(), path, reason=reason)
        assert answer.status_code == 200
        assert answer.context["form"].errors
    away.refresh_from_db()
    assert not away.is_active
    assert not ResetRequest.objects.exists()


def test_a_person_out_of_scope_looks_like_not_existing(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    client = staff(*RIGHTS)
    for path in (link_page_of(ada), account_page_of(ada)):
        assert client.get(path).status_code == 404
        assert posted(client, path, "/admin/password_change/", reason=REASON).status_code == 404
    assert not ResetRequest.objects.exists()


def test_the_buttons_stand_where_they_would_do_something(newcomer: Any, away: Any) -> None:
    client, elsewhere = staff(*RIGHTS), UserFactory.create(password=None)
    update_last_login(None, elsewhere)
    found = {
        user: [word for word in ("send-activation-link", "activate-account") if word in page]
        for user in (newcomer, away, elsewhere, UserFactory.create())
        for page in [client.get(page_of(user)).content.decode()]
    }
    assert list(found.values()) == [["send-activation-link"], ["activate-account"], [], []]


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({"is_active": False}, "inactive"),
        ({}, "has a password or has signed in"),
        ({"password": None, "email": ""}, "no address"),
    ],
)
def test_the_page_says_beforehand_who_gets_none(facts: dict[str, Any], word: str) -> None:
    assert word in staff(*RIGHTS).get(link_page_of(UserFactory.create(**facts))).content.decode()


def test_the_page_of_a_reset_link_knows_who_never_joined(newcomer: Any) -> None:
    client = staff("auth.view_user", "recovery.send_reset")
    page = f"{USERS}{{}}/send-reset-link/"
    assert "signs in without a password" in client.get(page.format(newcomer.pk)).content.decode()
    assert "signs in without a password" not in client.get(page.format(invited().pk)).content.decode()


def test_staff_make_an_inactive_account_active_with_a_reason_and_then_it_is_mailed(away: Any) -> None:
    client = staff(*RIGHTS)
    assert account_page_of(away) in client.get(page_of(away)).content.decode()
    assert "Nothing is sent by this alone." in client.get(account_page_of(away)).content.decode()
    answer = posted(client, account_page_of(away), reason=REASON)
    assert said(answer) == ["success: The account of away is active. Send a link, if the person needs one."]
    assert answer.redirect_chain == [(page_of(away), 302)]
    away.refresh_from_db()
    assert away.is_active
    event = AuditEvent.objects.get(action=Action.ACCOUNT_ACTIVATED)
    acted = (event.actor_key, event.user_key, event.reason)
    assert acted == (accounts.key_of(client.user), accounts.key_of(away), REASON)  # type: ignore[attr-defined]
    assert LogEntry.objects.get(object_id=str(away.pk)).change_message == "Activated the account."
    assert not mail.outbox
    assert resets.fulfil(intake.ask(away.email, origin=Origin()).pk) == Outcome.SENT


@pytest.mark.attack(46)
def test_a_superuser_who_was_shut_out_is_let_in_by_superusers_alone() -> None:
    boss = UserFactory(username="boss", is_superuser=True, is_active=False)
    page = f"{USERS}{boss.pk}/activate-account/"
    answer = posted(staff("auth.view_user", "recovery.activate"), page, reason=REASON)
    assert said(answer) == ["error: Only a superuser may do this to a superuser."]
    boss.refresh_from_db()
    assert not boss.is_active
    posted(superuser(), page, reason=REASON)
    boss.refresh_from_db()
    assert boss.is_active


def test_the_page_says_when_the_site_sends_a_link_by_itself(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ACTIVATE_NEW_USERS": True}
    user, old_hand = UserFactory.create(password=None, is_active=False), UserFactory.create(is_active=False)
    work()
    client = staff(*RIGHTS)
    assert "sent at once" not in client.get(account_page_of(old_hand)).content.decode()
    assert "A link to choose the first password is sent at once." in client.get(account_page_of(user)).content.decode()
    posted(client, account_page_of(user), reason=REASON)
    assert work() == [Outcome.SENT]
    assert [message.to for message in mail.outbox] == [[user.email]]


def test_an_account_that_is_active_stays_as_it_is(ada: Any) -> None:
    answer = posted(staff(*RIGHTS), account_page_of(ada), reason=REASON)
    assert said(answer) == ["warning: Nothing was done: the account is active."]
    assert not AuditEvent.objects.exists()


def test_an_inactive_newcomer_is_told_apart_activated_and_mailed() -> None:
    user: Any = UserFactory.create(password=None, is_active=False)
    assert activated(user).outcome == Outcome.INACTIVE
    client = staff(*RIGHTS)
    posted(client, account_page_of(user), reason=REASON)
    posted(client, link_page_of(user), reason=REASON)
    assert work() == [Outcome.SENT]
    assert [message.to for message in mail.outbox] == [[user.email]]


def test_the_cap_of_a_member_of_staff_holds_for_activation_too(newcomer: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"staff": (1, timedelta(hours=1))}}
    client, other = staff(*RIGHTS), UserFactory.create(password=None)
    answer = posted(client, USERS, link_page_of(newcomer), **of_many(newcomer, other, reason=REASON, confirmed="1"))
    failed, sent = said(answer)
    assert failed.startswith("error: No link for")
    assert sent.startswith("success: An activation link is on its way: ")
    assert ResetRequest.objects.count() == 1
