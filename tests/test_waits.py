"""A wait at the door: explained to everybody in the same words, on our page and on a site's own."""

import re
from datetime import time, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.test import Client
from django.urls import include, path
from django.utils import timezone, translation

from recovery.sign_in import SignInMixin, SignInView, Wait, WaitFormMixin
from tests.asking import browser, seen
from tests.factories import PASSWORD, UserFactory
from tests.following import let_pass, templates
from tests.homes import signs_in
from tests.signing_in import locked

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> Any:
    return UserFactory.create(username="mike", email="mike@example.org")


def told_while_locked(client: Client, name: str, password: str) -> dict[str, Any]:
    """All of an answer but for the name, and for the seconds, which pass."""
    answer = signs_in(client, name, password)
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    shown = {**seen(answer), "retry": None}
    shown["headers"].pop("Retry-After")
    shown["body"] = re.sub(r"until .*? \(UTC\)", "until then", shown["body"].replace(f'value="{name}"', ""))
    return shown


@pytest.mark.attack(7, 50)
def test_a_wait_is_explained_to_everybody_alike(user: Any) -> None:
    """Cases 7 and 50, on the page: right and wrong password, and a name that nobody has, are answered with the same
    status, headers and words, after the same number of tries."""
    UserFactory.create(username="idle", is_active=False)
    UserFactory.create(username="card", password=None)
    names = ("mike", "nora", "idle", "card")  # as long as each other
    tried = [[signs_in(browser(), name, "a guess").status_code for _ in range(6)] for name in names]
    assert tried == [[200, 200, 200, 200, 429, 429]] * 4
    answers = [told_while_locked(browser(), name, password) for name in names for password in ("a guess", PASSWORD)]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["status"] == 429
    assert "There were too many tries to sign in. Wait 1 minute, until then, and try again" in answers[0]["body"]
    assert 'href="/recovery/forgot/"' in answers[0]["body"]
    assert "is wrong" not in answers[0]["body"]


def test_the_clock_of_a_wait_is_the_sites_in_the_persons_language_and_zone(user: Any) -> None:
    locked("mike")
    body = signs_in(browser(HTTP_ACCEPT_LANGUAGE="de"), user).content.decode()
    assert re.search(r"\b\d\d:\d\d \(UTC\)", body)
    with timezone.override("Asia/Kolkata"), translation.override("en"):
        assert re.search(r"until \d+:\d\d [ap]\.m\. \(IST\)", str(Wait(timezone.now())))


@pytest.mark.parametrize(
    ("seconds", "said", "retry"),
    [(0, "Wait 1 minute,", 1), (59, "Wait 1 minute,", 59), (61, "Wait 2 minutes,", 61), (900, "Wait 15 minutes,", 900)],
)
def test_whoever_waits_as_long_as_is_said_has_waited_enough(seconds: int, said: str, retry: int) -> None:
    with time_machine.travel("2026-11-28T13:00:30+00:00", tick=False), translation.override("de"):
        wait = Wait(timezone.now() + timedelta(seconds=seconds))
        assert wait.seconds == retry
        [told] = re.findall(r"(\d\d:\d\d) \(UTC\)", str(wait))
        assert time.fromisoformat(told) >= wait.until.time()
    with time_machine.travel("2026-11-28T13:00:30+00:00", tick=False), translation.override("en"):
        assert said in str(wait)


class SiteForm(AuthenticationForm):
    """With a word of its own."""

    error_messages = {**AuthenticationForm.error_messages, "invalid_login": "Neither here nor there."}


class StaffForm(WaitFormMixin, AdminAuthenticationForm):
    """The admin's."""


class SiteLogin(SignInMixin, LoginView):
    """A site's own page."""

    template_name = "site/login.html"
    authentication_form = SiteForm


urlpatterns = [
    path("form/", SignInView.as_view(authentication_form=SiteForm)),
    path("site/", SiteLogin.as_view()),
    path("plain/", include("recovery.auth_urls")),
    path("", include("example_project.urls")),
]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("where", ["/plain/login/", "/site/", "/form/", "/admin/login/"])
def test_a_sites_own_pages_explain_it_too(user: Any, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin.site, "login_form", StaffForm)
    locked("mike")
    plain = "{{ form.non_field_errors }} {{ wait.minutes }}"
    with templates({"registration/login.html": plain, "site/login.html": plain}):
        answer = browser().post(where, {"username": "mike", "password": PASSWORD})
    assert "There were too many tries to sign in. Wait 1 minute" in answer.content.decode()
    assert answer.status_code == (200 if "admin" in where else 429)
    if where in ("/plain/login/", "/site/"):
        assert answer.content.decode().endswith(" 1")


def test_the_first_try_after_the_wait_is_judged(user: Any) -> None:
    locked("mike")
    let_pass(timedelta(minutes=1, seconds=1))
    assert signs_in(browser(), user).status_code == 302
