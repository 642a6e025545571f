"""Our pages by the names and options of Django's views: what a site said of them in its URLs holds, or is refused
loudly."""

import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import views as django_views
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path

from recovery import auth_forms, auth_views, cookies
from recovery.models import ResetRequest
from recovery.reasons import Kind
from tests.asking import NEW_PASSWORD, browser, links, set_password, work
from tests.factories import UserFactory

TOLD = (Path(__file__).resolve().parent.parent / "docs" / "django_views.md").read_text()
VIEWS = [value for name, value in vars(auth_views).items() if name.startswith("PasswordReset")]
FORGOT = (
    """<title>{{ title }}</title>{{ greeting }} <form method="post">{{ form.email }}{{ form.email.errors }}</form>"""
)
CONFIRM = "<title>{{ title }}</title>{% if validlink %}Welcome, {{ form.user }}{% else %}No way, {{ form }}{% endif %}"

SENTENCES = [*auth_views.REFUSED.values(), *auth_views.OVERRIDDEN.values(), auth_views.DECORATE]


class Subclassed(auth_views.PasswordResetView):
    template_name = "own_forgot.html"
    title = "Lost it?"
    success_url = "/thanks/"


def limited(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def inner(request: HttpRequest) -> HttpResponse:
        return view(request) if "open" in request.GET else HttpResponse(status=429)

    return inner


urlpatterns = [
    path("subclassed/", Subclassed.as_view()),
    path("limited/", limited(auth_views.PasswordResetView.as_view())),
    path(
        "ask/",
        auth_views.PasswordResetView.as_view(
            template_name="own_forgot.html",
            extra_context={"greeting": "Hello there"},
            title="Lost it?",
            success_url="/thanks/",
        ),
    ),
    path(
        "recovery/reset/<slug:uidb64>/<recovery_secret:token>/",
        auth_views.PasswordResetConfirmView.as_view(
            template_name="own_confirm.html", success_url="/welcome/", reset_url_token="choose"
        ),
    ),
    path("accounts/", include("recovery.auth_urls")),
    path("recovery/", include("recovery.urls")),
]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def _site(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "own_forgot.html").write_text(FORGOT)
    (tmp_path / "own_confirm.html").write_text(CONFIRM)
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "DIRS": [tmp_path, *engine.get("DIRS", [])]}]


def test_the_forgot_page_wears_the_sites_template_and_takes_djangos_field() -> None:
    shown = browser().get("/ask/").content.decode()
    assert "<title>Lost it?</title>Hello there" in shown
    assert 'name="identifier"' in shown
    refused = browser().post("/ask/", {"email": ""}).content.decode()
    assert "Type the email address or user name of your account." in refused
    answer = browser().post("/ask/", {"email": "somebody@else.example"})
    assert answer.headers["Location"] == "/thanks/"
    assert ResetRequest.objects.get().identifier == "somebody@else.example"


def test_a_link_of_a_mail_leads_to_the_sites_own_page_and_on_to_where_the_site_wants(mailoutbox: list[Any]) -> None:
    user: Any = UserFactory()
    reader = _asked(user)
    [link] = links(mailoutbox[0])
    opened = reader.get(link)
    form = re.sub(r"[\w-]+/$", "choose/", link)
    assert opened.headers["Location"] == form
    assert opened.cookies[cookies.VERIFIER]["path"] == form
    assert f"<title>Enter new password</title>Welcome, {user}" in reader.get(form).content.decode()
    done = set_password(reader, form)
    assert done.headers["Location"] == "/welcome/"
    assert (done.cookies[cookies.VERIFIER]["path"], done.cookies[cookies.VERIFIER]["max-age"]) == (form, 0)
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    dead = browser().get(link, follow=True).content.decode()
    assert dead == "<title>Password reset unsuccessful</title>No way, None"


def test_a_bad_password_stays_on_the_sites_page_and_asking_again_leads_on(mailoutbox: list[Any]) -> None:
    reader = _asked(UserFactory())
    form = reader.get(links(mailoutbox[0])[0]).headers["Location"]
    assert set_password(reader, form, "short").status_code == 200
    set_password(reader, form)
    again = reader.post(form, {"again": "1"})
    assert "/welcome/" not in again.headers["Location"]


def test_the_secret_of_a_link_is_in_no_path_that_django_could_log(mailoutbox: list[Any], caplog: Any) -> None:
    _asked(UserFactory())
    [link] = links(mailoutbox[0])
    secret = link.rstrip("/").rpartition("/")[2]
    strict = Client(enforce_csrf_checks=True)
    assert strict.delete(link).status_code == 405
    assert strict.post(re.sub(r"[\w-]+/$", "choose/", link), {"new_password1": NEW_PASSWORD}).status_code == 403
    assert caplog.messages
    assert secret not in caplog.text


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("option", auth_views.REFUSED)
def test_what_means_nothing_here_is_refused_with_what_to_do(view: Any, option: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=re.escape(auth_views.REFUSED[option])):
        view.as_view(**{option: "anything"})


@pytest.mark.parametrize("view", VIEWS)
def test_what_a_subclass_overrides_of_djangos_view_holds_or_is_refused_with_what_to_do(view: Any) -> None:
    of_django = getattr(django_views, view.__name__)
    for name in [name for name in dir(of_django) if not name.startswith("_")] + ["delete", "patch"]:
        own = type("Own", (view,), {name: "anything"})
        if name == "as_view":
            continue
        if name in view.accepted:
            assert own.as_view()
            continue
        with pytest.raises(ImproperlyConfigured, match=f"^{name} of Own is never read or called: ") as refused:
            own.as_view()
        assert any(each in str(refused.value) for each in SENTENCES), name


def test_a_mixin_that_would_no_longer_run_is_refused_and_a_decorator_runs() -> None:
    own = type("Own", (LoginRequiredMixin, auth_views.PasswordResetView), {})
    with pytest.raises(ImproperlyConfigured, match=r"dispatch of Own .* decorate what as_view\(\) returns"):
        own.as_view()
    assert browser().get("/limited/").status_code == 429
    assert browser().get("/limited/?open=1").status_code == 200


def test_what_a_subclass_says_and_may_say_holds() -> None:
    answer = browser().post("/subclassed/", {"email": "somebody@else.example"})
    assert answer.headers["Location"] == "/thanks/"
    assert "<title>Lost it?</title>" in browser().get("/subclassed/").content.decode()


@pytest.mark.parametrize("view", VIEWS)
def test_a_strange_option_is_a_mistake(view: Any) -> None:
    with pytest.raises(TypeError, match="templat_name"):
        view.as_view(templat_name="x.html")


def test_every_option_is_documented_as_what_it_is() -> None:
    rows = dict(re.findall(r"^\| `(\w+)`.*? \| (holds|refused)", TOLD, re.MULTILINE))
    holding = {option for view in VIEWS for option in view.accepted}
    assert {option for option, end in rows.items() if end == "refused"} == set(auth_views.REFUSED)
    assert {option for option, end in rows.items() if end == "holds"} == holding


def test_code_of_the_site_asks_for_a_link_by_djangos_form(mailoutbox: list[Any]) -> None:
    user: Any = UserFactory()
    form = auth_forms.PasswordResetForm({"email": user.email})
    assert form.is_valid()
    request = HttpRequest()
    request.META["REMOTE_ADDR"] = "192.0.2.7"
    form.save(request=request, domain_override="evil.example", use_https=False)
    work()
    asked = ResetRequest.objects.get()
    assert (asked.kind, asked.ip) == (Kind.FORGOT, "192.0.2.7")
    assert [mail.to for mail in mailoutbox] == [[user.email]]
    assert "evil.example" not in mailoutbox[0].body


@pytest.mark.parametrize("option", ["from_email", "email_template_name", "token_generator"])
def test_the_form_drops_no_option_in_silence(option: str) -> None:
    form = auth_forms.PasswordResetForm({"email": "a@b.example"})
    assert form.is_valid()
    with pytest.raises(ImproperlyConfigured, match=option):
        form.save(**{option: "x"})
    with pytest.raises(TypeError):
        form.save(frm_email="x")


@pytest.mark.parametrize("method", auth_forms.OVERRIDDEN)
def test_a_form_that_overrides_what_is_never_called_is_refused_when_it_is_defined(method: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=method):
        type("Own", (auth_forms.PasswordResetForm,), {method: lambda self: None})


def _asked(user: Any) -> Client:
    """A browser that asked for a link, which was sent."""
    reader = browser()
    reader.post("/ask/", {"email": user.email})
    work()
    return reader
