"""A new password over a link: all of it or nothing, what ends with the old one, who is told, where it leads."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.db.models.signals import post_save
from django.test import Client, modify_settings

from recovery import accounts
from recovery.models import AuditEvent, Decision, Email, EmailEvent, ResetRequest, ResetToken
from recovery.reasons import Action, EmailKind, Outcome, TokenState
from recovery.signals import reset_completed
from tests.asking import FORGOT, NEW_PASSWORD, asked, browser, follow, links, set_password, statements, work
from tests.factories import PASSWORD, UserFactory
from tests.following import dead_page, failing, is_unchanged, mailed_link, opened, row_of, trail

pytestmark = pytest.mark.django_db(transaction=True)

WRITES = [
    "UPDATE recovery_resettoken SET state",
    'UPDATE "auth_user" SET "password"',
    'UPDATE "recovery_resetrequest" SET "outcome"',
    'INSERT INTO "recovery_email" ',
    'INSERT INTO "recovery_auditevent"',
]


TOKENS = ["rest_framework.authtoken", "rest_framework_simplejwt.token_blacklist", "knox"]


def rows() -> list[Any]:
    """Everything that completing may change."""
    models = (User, ResetRequest, Decision, ResetToken, Email, EmailEvent, AuditEvent)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def forgiving(client: Client) -> Client:
    """The same browser, shown the site's error page instead of an exception."""
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize("write", WRITES)
def test_when_one_of_its_writes_fails_none_of_them_remains(write: str) -> None:
    user = UserFactory.create()
    client, form = opened(mailed_link(user))
    before = rows()
    with failing(write) as refused:
        assert set_password(forgiving(client), form).status_code == 500
    assert len(refused) == 1
    assert rows() == before
    assert set_password(client, form).status_code == 302
    assert not is_unchanged(user)


def test_these_are_all_its_writes() -> None:
    client, form = opened(mailed_link(UserFactory.create()))
    with statements() as found:
        set_password(client, form)
    made = "; ".join(text for text in found.texts if not text.startswith("SELECT"))
    places = [made.find(write) for write in WRITES]
    assert -1 not in places
    assert places == sorted(places)
    assert len(re.findall(r"UPDATE \S+ SET|INSERT INTO", made)) == len(WRITES)
    assert found.commits == 1


def test_when_a_receiver_of_the_site_fails_nothing_remains() -> None:
    user = UserFactory.create()
    client, form = opened(mailed_link(user))
    before = rows()

    def fail(**kwargs: Any) -> None:
        raise LookupError("the directory is down")

    post_save.connect(fail, sender=User)
    try:
        assert set_password(forgiving(client), form).status_code == 500
    finally:
        post_save.disconnect(fail, sender=User)
    assert rows() == before


@pytest.mark.parametrize("is_atomic", [False, True], ids=["autocommit", "ATOMIC_REQUESTS"])
def test_from_link_to_password_are_eleven_statements_and_two_commits(
    is_atomic: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", is_atomic)
    others = {
        "INSTALLED_APPS": ["allauth", "allauth.account", *TOKENS],
        "MIDDLEWARE": ["allauth.account.middleware.AccountMiddleware"],
    }
    with modify_settings(**{name: {"remove": words} for name, words in others.items()}):
        link = mailed_link(UserFactory.create())
        client = browser()
        with statements() as found:
            form = follow(client, link)
            assert client.get(form).status_code == 200
            assert set_password(client, form).status_code == 302
    assert len(found.texts) <= 11, found.texts
    assert found.commits == 2


def test_the_password_is_hashed_outside_the_transaction(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """A quarter of a second under a row lock would queue up everybody else."""
    settings.PASSWORD_HASHERS = [f"{__name__}.Watching", "django.contrib.auth.hashers.MD5PasswordHasher"]
    client, form = opened(mailed_link(UserFactory.create()))
    Watching.meanwhile = lambda: Watching.seen.append(connection.in_atomic_block)
    Watching.seen.clear()
    set_password(client, form)
    assert Watching.seen == [False]


class Watching(MD5PasswordHasher):
    """A hasher during which something else happens on the site."""

    algorithm = "watching"
    seen: list[bool] = []
    meanwhile: Any = staticmethod(lambda: None)

    def encode(self, password: str, salt: str) -> str:
        type(self).meanwhile()
        return super().encode(password, salt)


def change_password(user: Any) -> None:
    User.objects.filter(pk=user.pk).update(password="md5$x$changed elsewhere")


def deactivate(user: Any) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def change_address(user: Any) -> None:
    User.objects.filter(pk=user.pk).update(email="moved@example.com")


@pytest.mark.parametrize("change", [change_password, deactivate, change_address])
def test_what_changes_the_account_while_the_password_is_hashed_wins(change: Any, settings: Any) -> None:
    user = UserFactory.create()
    client, form = opened(mailed_link(user))
    settings.PASSWORD_HASHERS = [f"{__name__}.Watching", "django.contrib.auth.hashers.MD5PasswordHasher"]
    Watching.meanwhile = lambda: change(user)
    assert dead_page(set_password(client, form)) == "invalid"
    user.refresh_from_db()
    assert not user.check_password(NEW_PASSWORD)
    assert AuditEvent.objects.filter(action=Action.COMPLETED).count() == 0
    assert trail(Action.LINK_REFUSED) == [{"refusal": "credentials_changed"}]


def test_the_request_and_the_link_are_done_and_the_trail_says_so() -> None:
    user = UserFactory.create()
    link = mailed_link(user)
    client, form = opened(link)
    set_password(client, form)
    request = asked()
    assert request.outcome == Outcome.COMPLETED
    assert request.completed_at is not None
    assert row_of(link).state == TokenState.USED
    [event] = AuditEvent.objects.filter(action=Action.COMPLETED)
    assert (event.user_key, event.request_id, event.reference) == (accounts.key_of(user), request.pk, request.reference)
    revoked = event.detail.pop("revoked")
    assert event.detail == {"notices": 1, "browser": "Firefox (Linux)"}
    assert revoked == {"authtoken": 0, "simplejwt": 0, "knox": 0}


def test_every_session_of_the_account_ends_and_no_other() -> None:
    user, other = UserFactory.create(), UserFactory.create()
    hers = [Client() for _ in range(3)]
    for client in hers:
        client.force_login(user)
    theirs = Client()
    theirs.force_login(other)
    assert {client.get("/accounts/password_change/").status_code for client in [*hers, theirs]} == {200}
    client, form = opened(mailed_link(user))
    set_password(client, form)
    assert {client.get("/accounts/password_change/").status_code for client in hers} == {302}
    assert theirs.get("/accounts/password_change/").status_code == 200


def test_every_verified_address_is_told_and_no_other() -> None:
    user = UserFactory.create()
    for address, verified in ((user.email, True), ("second@example.com", True), ("unproven@example.com", False)):
        EmailAddress.objects.create(user=user, email=address, verified=verified, primary=address == user.email)
    client, form = opened(mailed_link(user))
    set_password(client, form)
    notices = Email.objects.filter(kind=EmailKind.PASSWORD_CHANGED)
    assert {notice.recipient for notice in notices} == {user.email, "second@example.com"}
    assert {notice.request_id for notice in notices} == {asked().pk}


def test_nobody_is_signed_in_by_it() -> None:
    client, form = opened(mailed_link(UserFactory.create()))
    answer = set_password(client, form)
    assert answer.url == "/recovery/reset/done/"
    assert "sessionid" not in client.cookies
    assert client.get("/accounts/password_change/").status_code == 302


def test_a_site_may_sign_the_person_in(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "POST_RESET_LOGIN": True}
    user = UserFactory.create()
    client, form = opened(mailed_link(user))
    assert set_password(client, form).url == "/"
    assert client.get("/accounts/password_change/").status_code == 200


def test_the_secret_leaves_the_browser_with_the_new_password() -> None:
    client, form = opened(mailed_link(UserFactory.create()))
    cookie = set_password(client, form).cookies["recovery_token"]
    assert (cookie.value, cookie["max-age"], cookie["path"]) == ("", 0, form)


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ("/orders/7/", "/orders/7/"),
        ("https://evil.example/", ""),
        ("//evil.example/", ""),
        ("/\\evil.example/", ""),
        ("javascript:alert(1)", ""),
        ("orders/", ""),
        ("", ""),
    ],
)
def test_where_the_person_was_going_is_kept_to_the_sign_in_if_it_is_on_this_site(wanted: str, kept: str) -> None:
    user, client = UserFactory.create(), browser()
    client.post(FORGOT, {"identifier": user.email, "next": wanted})
    assert asked().next_url == kept
    work()
    form = follow(client, links(mail.outbox[0])[0])
    page = client.get(set_password(client, form).url)
    assert page.context["sign_in_url"] == ("/accounts/login/?next=%2Forders%2F7%2F" if kept else "/accounts/login/")


@pytest.mark.parametrize("wanted", ["//evil.example/", "https://evil.example/", "javascript:alert(1)"])
def test_the_last_page_takes_no_foreign_address_from_its_path(wanted: str) -> None:
    page = browser().get("/recovery/reset/done/", {"next": wanted})
    assert page.context["sign_in_url"] == "/accounts/login/"


def test_the_sites_own_code_hears_of_it_once_after_the_commit_and_cannot_harm_it() -> None:
    heard = []

    def hear(sender: Any, user: Any, request_id: Any, **rest: Any) -> None:
        heard.append((user.pk, request_id, connection.in_atomic_block))
        raise LookupError("the directory is down")

    user = UserFactory.create()
    client, form = opened(mailed_link(user))
    reset_completed.connect(hear)
    try:
        assert set_password(client, form).status_code == 302
    finally:
        reset_completed.disconnect(hear)
    assert heard == [(user.pk, asked().pk, False)]
    assert not is_unchanged(user)


def test_the_new_password_signs_in_and_the_old_one_no_more() -> None:
    user = UserFactory.create()
    client, form = opened(mailed_link(user))
    set_password(client, form)
    assert not Client().login(username=user.username, password=PASSWORD)
    assert Client().login(username=user.username, password=NEW_PASSWORD)
