"""Every page there is: headers, other hosts, cookies and caches (cases 115, 116)."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from recovery import notices
from tests.asking import ask, browser, follow, links, set_password, work
from tests.factories import UserFactory
from tests.joining import invited, mailed_to
from tests.objecting import THIEF, code_in, link_in, newest_to

pytestmark = pytest.mark.django_db


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
    ask(browser(), user.email)
    work()
    link = links(mail.outbox[-1])[0]
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
