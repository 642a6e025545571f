"""Dead links, shared addresses, headers, cookies and caches (cases 4, 12, 115, 116)."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from recovery import notices
from recovery.models import AuditEvent, ResetRequest, ResetToken
from recovery.reasons import TokenState
from tests.asking import ask, browser, follow, links, masked, recipients, seen, set_password, work
from tests.factories import UserFactory
from tests.joining import invited, mailed_to
from tests.objecting import THIEF, code_in, link_in, newest_to

pytestmark = pytest.mark.django_db


def a_link(user: Any) -> str:
    ask(browser(REMOTE_ADDR=f"192.0.2.{ResetRequest.objects.count() % 250}"), user.email)
    work()
    return links(mail.outbox[-1])[0]


def of_another_account() -> str:
    first, second = a_link(UserFactory.create()), a_link(UserFactory.create())
    return "/".join([*first.split("/")[:4], *second.split("/")[4:]])


def of_an_account_made_inactive() -> str:
    user = UserFactory.create()
    link = a_link(user)
    type(user).objects.update(is_active=False)
    return link


def of_an_account_that_is_gone() -> str:
    user = UserFactory.create()
    link = a_link(user)
    user.delete()
    return link


def of_a_changed_address() -> str:
    user = UserFactory.create()
    link = a_link(user)
    type(user).objects.update(email="new@example.com")
    return link


def of_a_changed_password() -> str:
    user = UserFactory.create()
    link = a_link(user)
    user.set_password("another one, chosen elsewhere")
    user.save()
    return link


def revoked() -> str:
    user = UserFactory.create()
    older = a_link(user)
    ResetToken.objects.update(issued_at=timezone.now() - timedelta(minutes=5))
    newer = a_link(user)
    ResetToken.objects.update(state=TokenState.LIVE)
    client = browser()
    assert set_password(client, follow(client, older)).status_code == 302
    return newer


GENERIC: dict[str, Callable[[], str]] = {
    "random": lambda: f"/recovery/reset/{'Ab3_' * 5}xY/{'Zz9-' * 10}abc/",
    "short": lambda: "/recovery/reset/abc/def/",
    "with half its secret": lambda: a_link(UserFactory.create())[:-20] + "/",
    "with a wrong letter": lambda: a_link(UserFactory.create())[:-3] + "!!/",
    "with more path": lambda: a_link(UserFactory.create()) + "more/and/more/",
    "of another account": of_another_account,
    "of an account made inactive": of_an_account_made_inactive,
    "of an account that is gone": of_an_account_that_is_gone,
    "of a changed address": of_a_changed_address,
    "of a changed password": of_a_changed_password,
    "revoked": revoked,
}


def answers_to(link: str, method: str) -> dict[str, Any]:
    client = browser()
    response = client.get(link)
    path = response.url if response.status_code == 302 else link
    response = set_password(client, path) if method == "post" else client.get(path)
    assert response.status_code == 200
    found = seen(response)
    told = {"reason": response.context["reason"], "can_ask_again": response.context["can_ask_again"]}
    return {**told, **{name: found[name] for name in ("status", "body", "headers")}}


@pytest.mark.attack(4)
@pytest.mark.parametrize("method", ["get", "post"])
def test_every_link_that_may_give_no_reason_is_the_same_page(method: str) -> None:
    answers = {name: answers_to(make(), method) for name, make in GENERIC.items()}
    wanted = answers["random"]
    assert (wanted["reason"], wanted["can_ask_again"]) == ("invalid", False)
    for name, found in answers.items():
        assert found == wanted, name


def of_nothing() -> str:
    return f"/recovery/reset/{'Ab3_' * 5}xY/{'Zz9-' * 10}abc/"


@pytest.mark.attack(4)
@pytest.mark.parametrize("method", ["get", "post"])
def test_without_the_cookie_every_selector_is_the_same_page_which_leads_back_to_the_mail(method: str) -> None:
    """The secret rests in the browser for half an hour, a link lives for up to a day."""
    answers = []
    for make in (lambda: a_link(UserFactory.create()), of_nothing, revoked, of_an_account_made_inactive):
        form = "/".join([*make().split("/")[:4], ""])
        before = AuditEvent.objects.count()
        found = answers_to(form, method)
        assert AuditEvent.objects.count() == before
        answers.append(found)
    assert all(found == answers[0] for found in answers)
    assert (answers[0]["reason"], answers[0]["can_ask_again"]) == ("forgotten", False)
    assert "Open the link in your mail once more" in answers[0]["body"]
    assert "cut off" not in answers[0]["body"]


@pytest.mark.attack(4)
def test_a_browser_that_forgot_the_link_is_back_in_by_opening_it_once_more() -> None:
    user = UserFactory.create()
    client, link = browser(), a_link(user)
    form = follow(client, link)
    del client.cookies["recovery_token"]
    assert client.get(form).context["reason"] == "forgotten"
    assert client.post(form, {"again": "1"}).url == "/recovery/forgot/"
    assert set_password(client, follow(client, link)).status_code == 302


@pytest.mark.attack(4)
def test_the_right_secret_earns_a_reason_under_the_same_status() -> None:
    user = UserFactory.create()
    client, link = browser(), a_link(user)
    form = follow(client, link)
    ResetToken.objects.update(expires_at=timezone.now())
    expired = client.get(form)
    ResetToken.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    assert set_password(client, form).status_code == 302
    used = client.get(follow(client, link))
    dead = client.get("/recovery/reset/nonsense/")
    assert expired.status_code == used.status_code == dead.status_code == 200
    assert len({masked(page.content.decode()) for page in (expired, used, dead)}) == 3
    for page in (expired, used, dead):
        assert user.email not in page.content.decode()
        assert user.username not in page.content.decode()


@pytest.mark.attack(12)
@pytest.mark.parametrize("pair", [("ada@example.com", "ADA@example.com"), ("box@example.com", "box@example.com")])
def test_each_link_resets_its_own_account_alone(pair: tuple[str, str]) -> None:
    first, second = (UserFactory.create(email=address) for address in pair)
    ask(browser(), "Ada@Example.com" if "ada" in pair[0] else pair[0])
    work()
    assert recipients() == list(dict.fromkeys(pair))
    [own, other] = [link for message in mail.outbox for link in links(message)]
    client = browser()
    form, others_form = follow(client, own), follow(client, other)
    # The secret of one link with the form of the other.
    client.cookies["recovery_token"] = own.split("/")[4]
    client.cookies["recovery_token"]["path"] = others_form
    set_password(client, others_form)
    for user in (first, second):
        user.refresh_from_db()
        assert not user.check_password("seven quiet herons at dusk")
    client = browser()
    assert set_password(client, follow(client, own)).status_code == 302
    first.refresh_from_db()
    second.refresh_from_db()
    assert [user.check_password("seven quiet herons at dusk") for user in (first, second)].count(True) == 1
    assert form != others_form


@pytest.fixture
def cache_is_empty() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def not_me_pages(client: Client, user: Any) -> dict[str, Any]:
    notices.new_device(user, origin=THIEF)
    message = newest_to(user.email)
    redirect = client.get(link_in(message))
    return {
        "not me, link": redirect,
        "not me, mangled": client.get("/recovery/not-me/a/b/"),
        "not me": client.get(redirect.url),
        "not me, wrong": client.post(redirect.url, {"code": ""}),
        "not me, wrong method": client.put(redirect.url),
        "not me, done": client.post(redirect.url, {"code": code_in(message)}),
        "not me, dead": client.get(redirect.url),
        "not me, what followed": client.get("/recovery/not-me/done/"),
    }


def activation_pages(client: Client) -> dict[str, Any]:
    redirect = client.get(mailed_to(invited()))
    return {
        "activation": redirect,
        "activation, mangled": client.get("/recovery/activate/a/b/c/d/"),
        "activation, form": client.get(redirect.url),
        "activation, form, wrong": set_password(client, redirect.url, "short"),
        "activation, form, wrong method": client.delete(redirect.url),
        "activation, form, done": set_password(client, redirect.url),
        "activation, form, dead": client.get(redirect.url),
        "activation, complete": client.get("/recovery/activate/done/"),
    }


def every_page(client: Client) -> dict[str, Any]:
    user = UserFactory.create()
    sent = ask(client, user.email)
    work()
    link = links(mail.outbox[-1])[0]
    redirect = client.get(link)
    return {
        "forgot": client.get("/recovery/forgot/"),
        "forgot, wrong": ask(client, ""),
        "forgot, asked": sent,
        "forgot, wrong method": client.put("/recovery/forgot/"),
        "sent": client.get(sent.url),
        "sent, unknown": client.get("/recovery/sent/nothing/"),
        "link": redirect,
        "link, mangled": client.get("/recovery/reset/a/b/c/d/"),
        "form": client.get(redirect.url),
        "form, wrong": set_password(client, redirect.url, "short"),
        "form, wrong method": client.delete(redirect.url),
        "form, done": set_password(client, redirect.url),
        "form, dead": client.get(redirect.url),
        "complete": client.get("/recovery/reset/done/"),
        **not_me_pages(client, user),
        **activation_pages(client),
        "by Django's name": client.get("/accounts/password_reset/"),
        "by Django's name, link": client.get("/accounts/reset/MQ/abc-def/"),
    }


@pytest.mark.attack(115)
def test_every_page_has_the_strict_headers() -> None:
    for name, page in every_page(browser()).items():
        policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
        assert policy == {
            "default-src": "'self'",
            "object-src": "'none'",
            "base-uri": "'none'",
            "form-action": "'self'",
            "frame-ancestors": "'none'",
        }, name
        assert page.headers["X-Content-Type-Options"] == "nosniff", name
        assert page.headers["X-Frame-Options"] == "DENY", name
        assert page.headers["Referrer-Policy"] == "same-origin", name
        assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin", name
        assert "no-store" in page.headers["Cache-Control"], name
        body = page.content.decode()
        assert " style=" not in body, name
        assert "<style" not in body, name
        assert " onclick" not in body, name


@pytest.mark.attack(115)
def test_pages_load_nothing_from_another_host() -> None:
    for name, page in every_page(browser()).items():
        for url in re.findall(r'(?:src|href|action)="([^"]*)"', page.content.decode()):
            assert re.match(r"(/(?!/)|mailto:|#)", url), (name, url)


@pytest.mark.attack(116)
def test_cookies_are_for_https_and_the_browser_alone_and_for_one_path() -> None:
    client = browser()
    pages = every_page(client)
    found = {
        (name, morsel["path"].split("/")[2] if morsel["path"] != "/" else "/")
        for page in pages.values()
        for name, morsel in page.cookies.items()
    }
    tokens = {("recovery_token", word) for word in ("reset", "activate")}
    assert found == {("csrftoken", "/"), ("recovery_asked", "sent"), *tokens, ("recovery_objection_token", "not-me")}
    for page in pages.values():
        for name, morsel in page.cookies.items():
            if name.startswith("recovery"):
                assert morsel["samesite"] == "Lax"
                assert morsel["httponly"] or not morsel.value
                assert morsel["secure"] or not morsel.value
                assert not morsel["domain"]
    assert pages["form, done"].cookies["recovery_token"].value == ""


@pytest.mark.attack(116)
@pytest.mark.usefixtures("cache_is_empty")
def test_a_cache_in_front_of_the_site_keeps_no_page(settings: Any) -> None:
    settings.MIDDLEWARE = [
        "django.middleware.cache.UpdateCacheMiddleware",
        *settings.MIDDLEWARE,
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "pages"}}
    user = UserFactory.create()
    link = a_link(user)
    client = browser()
    form = follow(client, link)
    for _ in range(2):
        assert 'name="new_password1"' in client.get(form).content.decode()
    cookie = client.cookies["recovery_token"].value
    assert set_password(client, form).status_code == 302
    client.cookies["recovery_token"] = cookie
    assert 'name="new_password1"' not in client.get(form).content.decode()
    other = browser()
    for path in ("/recovery/forgot/", "/recovery/sent/AAAA-AAAA/", "/recovery/reset/done/"):
        client.get(path)
        assert "Age" not in other.get(path).headers
    browser().get("/")
    assert len(cache._cache) == 2, "the cache works, and holds the home page and its headers alone"
