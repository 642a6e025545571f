"""The sign-in page: what it shows and carries, that all options of Django's view hold, and what a reset does not do."""

import re
from typing import Any

import pytest
from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.test import Client
from django.urls import include, path

from recovery.sign_in import SignInMixin, SignInView
from tests.asking import browser, seen, set_password
from tests.factories import UserFactory
from tests.following import mailed_link, opened, templates
from tests.homes import signs_in
from tests.signing_in import SIGN_IN, counter

pytestmark = pytest.mark.django_db

LOCAL = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


@pytest.fixture
def user() -> Any:
    return UserFactory.create(username="mike", email="mike@example.org")


def body_of(answer: Any) -> str:
    return str(answer.content.decode())


@pytest.mark.attack(115)
def test_the_page_has_the_headers_of_our_other_pages(user: Any) -> None:
    for answer in (browser().get(SIGN_IN), signs_in(browser(), user, "a guess"), signs_in(browser(), user)):
        assert answer.headers["Content-Security-Policy"] == LOCAL
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_password_managers_and_telephones_know_the_fields() -> None:
    body = body_of(browser().get(SIGN_IN))
    [name] = re.findall(r'<input[^>]* name="username"[^>]*>', body)
    [password] = re.findall(r'<input[^>]* name="password"[^>]*>', body)
    for attribute in ('autocomplete="username"', 'autocapitalize="none"', 'spellcheck="false"', " autofocus"):
        assert attribute in name
    assert 'autocomplete="current-password"' in password
    assert 'type="password"' in password
    assert body.index('name="username"') < body.index('name="password"')
    assert "<label for=" in body
    assert "<script>" not in body


def test_whoever_wanted_to_go_somewhere_gets_there_and_finds_back_by_a_reset(user: Any) -> None:
    client = browser()
    body = body_of(client.get(SIGN_IN, {"next": "/loans/?sort=due"}))
    assert 'name="next" value="/loans/?sort=due"' in body
    [forgot] = re.findall(r'href="(/recovery/forgot/[^"]*)"', body)
    assert "next=%2Floans%2F%3Fsort%3Ddue" in forgot
    assert 'name="next" value="/loans/?sort=due"' in body_of(client.get(forgot))
    assert signs_in(client, user, next="").url == "/"
    answer = client.post(SIGN_IN, {"username": "mike", "password": "a guess", "next": "/loans/"})
    assert 'name="next" value="/loans/"' in body_of(answer)


def test_nobody_is_led_to_another_site(user: Any) -> None:
    body = body_of(browser().get(SIGN_IN, {"next": "https://evil.example/"}))
    assert "evil" not in body
    answer = browser().post(f"{SIGN_IN}?next=//evil.example/", {"username": "mike", "password": "a guess"})
    assert "evil" not in body_of(answer)


def test_the_page_is_that_of_the_door_at_which_the_person_stands(settings: Any) -> None:
    settings.RECOVERY = {
        **settings.RECOVERY,
        "AUDIENCES": {"club": {"BASE_URL": "https://127.0.0.1", "SITE_NAME": "The Club"}},
    }
    body = body_of(browser(HTTP_HOST="127.0.0.1").get(SIGN_IN, {"next": "/loans/"}))
    assert "The Club" in body
    assert 'href="/recovery/forgot/?next=%2Floans%2F"' in body
    assert "The Club" not in body_of(browser().get(SIGN_IN, {"audience": "club"}))


@pytest.mark.attack(1)
def test_a_wrong_password_and_a_name_that_nobody_has_are_told_alike(user: Any) -> None:
    UserFactory.create(username="idle", is_active=False)
    UserFactory.create(username="card", password=None)
    answers = []
    for name in ("mike", "nora", "idle", "card"):  # as long as each other
        answer = seen(signs_in(browser(), name, "a guess"))
        answers.append({**answer, "body": answer["body"].replace(f'value="{name}"', "")})
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["status"] == 200
    assert "Name or password is wrong" in answers[0]["body"]


@pytest.mark.attack(17)
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"username": "mike"},
        {"password": "x"},
        {"username": "mi\x00ke", "password": "x"},
        {"username": "mike", "password": "a\x00b"},
        {"username": "mi\x1b[31mke", "password": "x"},
        {"username": "m" * 10_000, "password": "x"},
        {"username": ["mike", "nora"], "password": ["x", "y"]},
    ],
)
def test_what_no_name_or_password_can_be_is_told_and_breaks_nothing(user: Any, fields: dict[str, Any]) -> None:
    answer = browser().post(SIGN_IN, fields)
    assert answer.status_code == 200
    assert answer.context["form"].errors


@pytest.mark.attack(17)
def test_a_megabyte_of_password_is_refused_before_it_is_judged(user: Any) -> None:
    assert signs_in(browser(), user, "x" * 1_000_000).context["form"].errors["password"]
    assert counter("mike") is None


@pytest.mark.attack(17)
@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("backend", ["recovery.backends.ModelBackend", "django.contrib.auth.backends.ModelBackend"])
def test_a_lone_surrogate_breaks_nothing(user: Any, settings: Any, field: str, backend: str) -> None:
    """A post in UTF-7 brings what no database stores and no hasher encodes."""
    settings.AUTHENTICATION_BACKENDS = [backend]
    parts = {"username": "mike", "password": "x", field: "mi+2AA-ke"}
    head = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = "".join(head.format(name, text) for name, text in parts.items()) + "--b--\r\n"
    charset = "multipart/form-data; boundary=b; charset=utf-7"
    answer = browser().generic("POST", SIGN_IN, body.encode(), content_type=charset)
    assert answer.status_code == 200
    assert answer.context["form"].errors[field]


@pytest.mark.attack(16)
def test_only_get_head_and_post_with_its_token_are_answered(user: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert signs_in(strict, user).status_code == 403
    assert "sessionid" not in strict.cookies
    assert [browser().generic(method, SIGN_IN).status_code for method in ("PUT", "DELETE", "PATCH")] == [405] * 3


# Options of Django's view, and a site's own


class SiteForm(AuthenticationForm):
    """With a word, and fields, of its own."""

    campaign = forms.CharField(widget=forms.HiddenInput, initial="spring")
    card = forms.CharField(label="Card number")

    error_messages = {**AuthenticationForm.error_messages, "invalid_login": "Neither here nor there."}


class SiteLogin(SignInMixin, LoginView):
    """A site's own page."""

    template_name = "site/login.html"
    authentication_form = SiteForm


urlpatterns = [
    path("next/", SignInView.as_view(next_page="/welcome/", redirect_authenticated_user=True)),
    path("field/", SignInView.as_view(redirect_field_name="onwards")),
    path("hosts/", SignInView.as_view(success_url_allowed_hosts={"club.example"})),
    path("away/", SignInView.as_view(next_page="https://app.example/start/")),
    path("extra/", SignInView.as_view(extra_context={"site_name": "The Annex"})),
    path("form/", SignInView.as_view(authentication_form=SiteForm)),
    path("template/", SignInView.as_view(template_name="site/login.html")),
    path("site/", SiteLogin.as_view()),
    path("plain/", include("recovery.auth_urls")),
    path("", include("example_project.urls")),
]

at_options = pytest.mark.urls(__name__)


def enters(where: str, user: Any, password: str = "", **more: Any) -> Any:
    client = browser()
    fields = {"username": user.username, "password": password or "correct horse battery staple", **more}
    return client, client.post(where, fields)


@at_options
def test_who_is_signed_in_already_is_led_on(user: Any) -> None:
    client, answer = enters("/next/", user)
    assert answer.url == "/welcome/"
    assert client.get("/next/").url == "/welcome/"


@at_options
def test_the_field_that_says_where_to_go_may_have_another_name(user: Any) -> None:
    assert 'name="onwards" value="/loans/"' in body_of(browser().get("/field/", {"onwards": "/loans/"}))
    assert enters("/field/", user, onwards="/loans/")[1].url == "/loans/"


@at_options
def test_a_sign_in_may_lead_to_hosts_that_the_site_names(user: Any) -> None:
    """Browsers hold the policy for forms against the redirect that answers one, too."""
    there = "https://club.example/start/"
    assert enters("/hosts/", user, next=there)[1].url == there
    page = browser().get("/hosts/")
    assert "form-action 'self' club.example;" in page.headers["Content-Security-Policy"]
    page = browser().get("/away/")
    assert "form-action 'self' app.example;" in page.headers["Content-Security-Policy"]
    assert "next=" not in body_of(browser().get("/hosts/", {"next": there}))  # a reset does not lead there


@at_options
def test_what_the_site_says_of_itself_comes_first() -> None:
    assert "The Annex" in body_of(browser().get("/extra/"))


@at_options
def test_form_and_template_may_be_the_sites(user: Any) -> None:
    own = {"campaign": "spring", "card": "17"}
    body = body_of(enters("/form/", user, "a guess", **own)[1])
    for part in ("Neither here nor there.", "Card number", 'name="card" value="17"', 'name="campaign" value="spring"'):
        assert part in body
    assert enters("/form/", user, **own)[1].status_code == 302
    with templates({"site/login.html": "{{ site_name }}: {{ form.non_field_errors }} {{ forgot_url }}"}):
        assert "Riverside Library: " in body_of(browser().get("/template/"))
        body = body_of(enters("/site/", user, "a guess", **own)[1])
        assert "Neither here nor there." in body
        assert "/recovery/forgot/" in body


@at_options
def test_the_include_that_stands_for_djangos_keeps_the_sites_own_page(user: Any) -> None:
    with templates({"registration/login.html": "as ever {{ form.non_field_errors }}"}):
        answer = browser().get("/plain/login/")
        assert body_of(answer).startswith("as ever")
        assert "Content-Security-Policy" not in answer.headers
        assert enters("/plain/login/", user, next="/loans/")[1].url == "/loans/"


# Second factors


@pytest.mark.attack(37, 39)
def test_a_reset_signs_nobody_in_and_leads_to_the_sites_own_sign_in(user: Any) -> None:
    client, form = opened(mailed_link(user))
    done = set_password(client, form)
    assert "sessionid" not in client.cookies
    assert "recovery_device" not in client.cookies
    assert f'href="{SIGN_IN}"' in body_of(client.get(done.url))
    assert client.get("/recovery/backup-addresses/").url.startswith(SIGN_IN)
