"""Each check speaks for its misconfiguration, is silent otherwise, and is documented by its id."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
import pytest
from anymail.backends import postmark
from django.core.checks.registry import registry
from django.utils.translation import gettext_lazy
from pytest_django import Settings

from recovery import checks
from recovery.conf import DEFAULTS

ROOT = Path(__file__).resolve().parent.parent
POSTMARK = "anymail.backends.postmark.EmailBackend"
RESEND = "anymail.backends.resend.EmailBackend"
SMTP = "django.core.mail.backends.smtp.EmailBackend"
WRAPPER = "recovery.contrib.mail.EmailBackend"
TARGETS = "recovery.cases.targets"
SOUND: dict[str, Any] = {"BASE_URL": "https://library.example"}


class OfOurOwn(postmark.EmailBackend):  # type: ignore[misc]  # anymail has no types
    """A site's own class above a provider's."""


def ids() -> set[str]:
    """What our registered checks say, without those that load the host's URLs."""
    ours = [
        check for check in registry.get_checks(include_deployment_checks=True) if check.__module__ == checks.__name__
    ]
    return {str(message.id) for check in ours for message in check(app_configs=None, databases=None)}


@pytest.fixture(autouse=True)
def a_sound_site(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEBUG = False
    settings.ALLOWED_HOSTS = ["library.example"]
    settings.RECOVERY = SOUND
    monkeypatch.setattr(django, "VERSION", (5, 2, 19, "final", 0))


def test_a_sound_site_hears_of_its_unindexed_address_alone() -> None:
    assert ids() == {"recovery.W015"}


def test_the_hint_of_an_unindexed_address_names_every_index_that_a_look_needs() -> None:
    """Names are looked for as well: while either of the two has none, one look in any case reads all users."""
    [warning] = [each for each in checks.check_deployment(None) if each.id == "recovery.W015"]
    for index in ("(UPPER(username))", "(UPPER(email))", "(email)"):
        assert index in str(warning.hint)


@pytest.mark.attack(117)
@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        ("https://x.example", "recovery.E001"),
        ({**SOUND, "BASE_ULR": ""}, "recovery.E001"),
        ({}, "recovery.E002"),
        ({"BASE_URL": "http://library.example"}, "recovery.E003"),
        ({"BASE_URL": "library.example"}, "recovery.E003"),
        ({**SOUND, "AUDIENCES": {"site": {"BASE_URL": "http://site.example"}}}, "recovery.E003"),
        ({**SOUND, "LINK_URL": "http://app.example/#{purpose}/{token}"}, "recovery.E003"),
        ({**SOUND, "LINK_URL": "https://app.example/#{token}"}, "recovery.E006"),
        ({**SOUND, "AUDIENCES": {"site": {"LINK_URL": "https://app.example/{purpose}"}}}, "recovery.E006"),
        ({**SOUND, "TOKEN_LIFETIME": timedelta(hours=25)}, "recovery.E006"),
        ({**SOUND, "TOKEN_LIFETIME": 3600}, "recovery.E006"),
        ({**SOUND, "COOLDOWN": 60}, "recovery.E006"),
        ({**SOUND, "TRUSTED_PROXIES": -1}, "recovery.E006"),
        ({**SOUND, "TRUSTED_PROXIES": ["0.0.0.0/0"]}, "recovery.E006"),
        ({**SOUND, "TRUSTED_PROXIES": "10.0.0.0/8"}, "recovery.E006"),
        ({**SOUND, "REQUEST_LIMITS": {"adress": (1, timedelta(hours=1))}}, "recovery.E006"),
        ({**SOUND, "REQUEST_LIMITS": {"address": 5}}, "recovery.E006"),
        ({**SOUND, "NO_PASSWORD_SIGN_IN": {"NAME": "city card"}}, "recovery.E006"),
        ({**SOUND, "WEBHOOKS": {"pigeon": {}}}, "recovery.E006"),
        ({**SOUND, "ACCOUNTS": "library.accounts.find"}, "recovery.E007"),
        ({**SOUND, "MAY_ACT_ON": "library.rules.may"}, "recovery.E007"),
        ({**SOUND, "LANGUAGE_OF": "library.people.language"}, "recovery.E007"),
        ({**SOUND, "HEALTH_TOKEN": "short"}, "recovery.E006"),
        ({**SOUND, "METRICS": {"TOKEN": "short"}}, "recovery.E006"),
        ({**SOUND, "METRICS": {"DOMAINS": "example.org"}}, "recovery.E006"),
        ({**SOUND, "METRICS": {"DOMAIN": ["example.org"]}}, "recovery.E006"),
        ({**SOUND, "ROUTES": [{"BACKEND": RESEND}]}, "recovery.W014"),
        ({**SOUND, "ROUTES": [{"NAME": "a"}, {"NAME": "b", "BACKEND": RESEND}]}, "recovery.W014"),
        ({**SOUND, "ROUTES": [{"NAME": "a"}, {"NAME": "a"}]}, "recovery.E009"),
        ({**SOUND, "ROUTES": [{"NAME": "a"}, {}]}, "recovery.E009"),
        ({**SOUND, "ROUTES": [{"NAME": "a", "KINDS": ["reset"]}]}, "recovery.E009"),
        ({**SOUND, "AUDIENCES": {"portal": {"ROUTES": ["a", "b"]}}, "ROUTES": [{"NAME": "a"}]}, "recovery.E009"),
        ({**SOUND, "AUDIENCES": {"portal": {"ROUTES": []}}}, "recovery.E009"),
        ({**SOUND, "ROUTES": [{"BACKEND": WRAPPER}], "SITE_MAIL": {"BACKEND": SMTP}}, "recovery.E010"),
        ({**SOUND, "SITE_MAIL": {"BACKEND": WRAPPER}}, "recovery.E010"),
        ({**SOUND, "ROUTES": [{"BACKEND": SMTP, "STREAM": "outbound"}]}, "recovery.W016"),
        ({**SOUND, "BACKUP_WAIT": 7}, "recovery.E006"),
        ({**SOUND, "CASE_TARGETS": ["recovery.cases.targets.admin"]}, "recovery.E006"),
        ({**SOUND, "CASE_TARGETS": [{"TARGET": f"{TARGETS}.pigeon"}]}, "recovery.E011"),
        ({**SOUND, "CASE_TARGETS": [{"TARGET": f"{TARGETS}.email"}]}, "recovery.E011"),
        ({**SOUND, "CASE_TARGETS": [{"TARGET": f"{TARGETS}.admin"}] * 2}, "recovery.E011"),
        ({**SOUND, "CASE_TARGETS": [{"TARGET": f"{TARGETS}.email", "TO": "a@b.org", "CC": "x"}]}, "recovery.E011"),
        (
            {**SOUND, "CASE_TARGETS": [{"TARGET": f"{TARGETS}.webhook", "URL": "https://a", "SECRET": "x"}]},
            "recovery.E011",
        ),
        ({**SOUND, "WEBHOOKS": {"amazon_ses": {}}}, "recovery.W017"),
        ({**SOUND, "WEBHOOKS": {"amazon_ses": {"TOPICS": "arn:aws:sns:us-east-1:1:t"}}}, "recovery.E006"),
        ({**SOUND, "WEBHOOKS": {"postmark": {"TOPICS": []}}}, "recovery.E006"),
        ({**SOUND, "ROUTES": [{"BACKEND": POSTMARK}]}, "recovery.W018"),
        ({**SOUND, "ROUTES": [{"BACKEND": POSTMARK}], "WEBHOOKS": {"brevo": {}}}, "recovery.W018"),
        ({**SOUND, "ROUTES": [{"BACKEND": f"{__name__}.OfOurOwn"}]}, "recovery.W018"),
        ({**SOUND, "ROUTES": [{"BACKEND": "anymail.backends.amazon_ses.EmailBackend"}]}, "recovery.W018"),
        ({**SOUND, "ROUTES": [{"BACKEND": SMTP}], "SITE_MAIL": {"BACKEND": POSTMARK}}, "recovery.W018"),
        ({**SOUND, "MARKETING_STREAMS": "newsletter"}, "recovery.E006"),
    ],
)
def test_a_wrong_setting_is_named(settings: Settings, wrong: Any, check: str) -> None:
    settings.RECOVERY = wrong
    assert check in ids()


SHAPELESS: list[Any] = [None, 7, "x", ["x"], {"x": "x"}, {"x": None}, {7: {7: 7}}, [None], [{"OPTIONS": "x"}], ()]


@pytest.mark.parametrize("name", DEFAULTS)
def test_no_check_stumbles_over_what_is_written_for_a_setting(settings: Settings, name: str) -> None:
    said = []
    for value in SHAPELESS:
        settings.RECOVERY = {**SOUND, name: value}
        said.append("recovery.E006" in ids())
    assert any(said)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("REQUEST_LIMITS", None, "REQUEST_LIMITS"),
        ("REQUEST_LIMITS", {"address": ("5", timedelta(hours=1))}, "REQUEST_LIMITS"),
        ("REQUEST_LIMITS", {"address": (-1, timedelta(hours=1))}, "REQUEST_LIMITS"),
        ("AUDIENCES", {"portal": "x"}, "AUDIENCES"),
        ("AUDIENCES", {"portal": {"BASEURL": "https://portal.example"}}, "['portal'] has no key 'BASEURL'"),
        ("WEBHOOKS", ["postmark"], "WEBHOOKS"),
        ("RETENTION", {"emails": 30}, "RETENTION"),
        ("RETENTION", {"mails": timedelta(days=30)}, "has no key 'mails'"),
        ("ROUTES", [{"BACKND": "anymail.backends.postmark.EmailBackend"}], "['ROUTES'][0] has no key 'BACKND'"),
        ("ROUTES", {"BACKEND": "anymail.backends.postmark.EmailBackend"}, "ROUTES"),
        ("ROUTES", [{"MAILER": "recovery"}], "needs Django 6.1"),
        ("ROUTES", [{"CONNECTIONS": 0}], "ROUTES"),
        ("ROUTES", [{"CONNECTIONS": 65}], "ROUTES"),
        ("ROUTES", [{"CONNECTIONS": True}], "ROUTES"),
        ("ROUTES", [{"KINDS": ["resets"]}], "ROUTES"),
        ("ROUTES", [{"KINDS": "reset"}], "ROUTES"),
        ("ROUTES", [{"NAME": ""}], "ROUTES"),
        ("ROUTES", [{"NAME": "n" * 41}], "ROUTES"),
        ("ROUTES", [{"STREAM": 7}], "ROUTES"),
        ("AUDIENCES", {"portal": {"ROUTES": "main"}}, "AUDIENCES"),
        ("SITE_MAIL", {"OPTIONS": {}}, "SITE_MAIL"),
        ("SITE_MAIL", {"MAILER": "site"}, "needs Django 6.1"),
        ("SITE_MAIL", {"BACKEND": SMTP, "NAME": "site"}, "['SITE_MAIL'] has no key 'NAME'"),
        ("NO_PASSWORD_SIGN_IN", "https://card.example/", "NO_PASSWORD_SIGN_IN"),
        ("BASE_URL", 7, "BASE_URL"),
        ("POST_RESET_LOGIN", "no", "POST_RESET_LOGIN"),
    ],
)
def test_what_is_wrong_inside_a_setting_is_named(settings: Settings, name: str, value: Any, said: str) -> None:
    settings.RECOVERY = {**SOUND, name: value}
    found = [message for message in checks.check_settings(None) if message.id == "recovery.E006"]
    assert len(found) == 1
    assert said in found[0].msg
    assert found[0].hint


@pytest.mark.parametrize(
    "sound",
    [
        {"REQUEST_LIMITS": {"source": (0, timedelta(minutes=1)), "staff": [3, timedelta(1)]}},
        {"AUDIENCES": {"portal": {"BASE_URL": "https://portal.example", "SITE_NAME": None}, "kiosk": {}}},
        {"LINK_URL": "https://app.example/{purpose}/{token}/", "TRUSTED_PROXIES": ["10.0.0.0/24", "2001:db8::7"]},
        {"WEBHOOKS": {"postmark": {}}, "RETENTION": {"audit": timedelta(days=9), "emails": None}},
        {"ROUTES": [{"NAME": "main", "BACKEND": "tests.backends.Unreachable", "OPTIONS": {"timeout": 5}}]},
        {"NO_PASSWORD_SIGN_IN": {"NAME": "city card", "URL": "https://card.example/"}, "MAY_ACT_ON": None},
        {"SITE_NAME": gettext_lazy("Library"), "NO_PASSWORD_SIGN_IN": {"NAME": gettext_lazy("card"), "URL": "/card/"}},
        {"TOKEN_LIFETIME": timedelta(minutes=20), "TRUSTED_PROXIES": 2, "POST_RESET_LOGIN": True},
        {
            "ROUTES": [
                {"NAME": "main", "BACKEND": POSTMARK, "STREAM": "outbound", "CONNECTIONS": 64, "KINDS": ["reset"]},
                {"NAME": "spare", "BACKEND": SMTP, "KEY_HEADER": "X-Key"},
            ],
            "AUDIENCES": {"portal": {"ROUTES": ["spare"]}},
        },
        {"SITE_MAIL": {"BACKEND": SMTP, "OPTIONS": {"timeout": 5}}, "HEALTH_TOKEN": "0123456789abcdef"},
        {"METRICS": {"TOKEN": "0123456789abcdef", "DOMAINS": ["example.org"]}},
    ],
)
def test_what_is_right_inside_a_setting_is_not(settings: Settings, sound: dict[str, Any]) -> None:
    settings.RECOVERY = {**SOUND, **sound}
    assert not ids() & {"recovery.E006", "recovery.E009", "recovery.E010", "recovery.W016"}


@pytest.mark.parametrize(
    "sound",
    [
        {"ROUTES": [{"BACKEND": POSTMARK}], "WEBHOOKS": {"postmark": {}}},
        {"ROUTES": [{"BACKEND": SMTP}]},
        {"ROUTES": [{"BACKEND": SMTP}], "SITE_MAIL": {"BACKEND": POSTMARK}, "WEBHOOKS": {"postmark": {}}},
        {"ROUTES": [{"BACKEND": SMTP}], "SITE_MAIL": {"BACKEND": SMTP}},
        {"ROUTES": [{"BACKEND": "anymail.backends.test.EmailBackend"}]},
        {"ROUTES": [{"BACKEND": "library.mail.EmailBackend"}]},
        {"ROUTES": [{}]},
        {},
    ],
)
def test_a_provider_that_reports_or_never_can_is_not_asked_for(settings: Settings, sound: dict[str, Any]) -> None:
    settings.RECOVERY = {**SOUND, **sound}
    assert "recovery.W018" not in ids()


def wrap_without_a_way_on(settings: Settings) -> None:
    if getattr(settings, "MAILERS", None):  # Django 6.1
        settings.MAILERS = {"default": {"BACKEND": WRAPPER}}
    else:
        settings.EMAIL_BACKEND = WRAPPER


def test_the_wrapper_needs_to_know_how_mail_goes_on(settings: Settings) -> None:
    wrap_without_a_way_on(settings)
    assert "recovery.E010" in ids()
    settings.RECOVERY = {**SOUND, "SITE_MAIL": {"BACKEND": SMTP}}
    assert "recovery.E010" not in ids()
    settings.RECOVERY = {**SOUND, "SITE_MAIL": {"BACKEND": RESEND}}
    assert {"recovery.W014", "recovery.W018"} <= ids()


def test_from_django_6_1_on_a_route_may_name_a_mailer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RECOVERY = {**SOUND, "ROUTES": [{"MAILER": "recovery"}]}
    monkeypatch.setattr(django, "VERSION", (6, 1, 1, "final", 0))
    assert "recovery.E006" not in ids()


def test_an_unknown_setting_comes_with_the_name_that_was_meant(settings: Settings) -> None:
    settings.RECOVERY = {**SOUND, "COOL_DOWN": timedelta(seconds=1)}
    [error] = checks.check_settings(None)
    assert error.hint == "Did you mean COOLDOWN?"


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://127.0.0.1", "http://[::1]:8000"])
def test_plain_http_is_fine_on_this_machine(settings: Settings, url: str) -> None:
    settings.RECOVERY = {"BASE_URL": url}
    assert "recovery.E003" not in ids()


@pytest.mark.attack(117)
def test_a_listed_provider_needs_its_secret(settings: Settings) -> None:
    settings.RECOVERY = {**SOUND, "WEBHOOKS": {"postmark": {}}}
    settings.ANYMAIL = {"WEBHOOK_SECRET": "user:password"}
    assert "recovery.E004" not in ids()
    settings.ANYMAIL = {}
    [found] = [message for message in checks.check_webhook_secrets(None) if message.id == "recovery.E004"]
    assert "ANYMAIL['WEBHOOK_SECRET']" in str(found.hint)
    assert "user:password" in str(found.hint)


@pytest.mark.attack(117)
@pytest.mark.parametrize(
    ("version", "spoken"),
    [((5, 2, 16), True), ((5, 2, 17), False), ((6, 0, 7), True), ((6, 1, 1), False), ((7, 0, 0), False)],
)
def test_a_django_with_known_holes_is_named(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int], spoken: bool
) -> None:
    monkeypatch.setattr(django, "VERSION", (*version, "final", 0))
    assert bool(checks.check_django(None)) is spoken


@pytest.mark.attack(117)
@pytest.mark.parametrize(
    ("name", "value", "check"),
    [
        ("CELERY_BROKER_URL", "memory://", "recovery.W010"),
        ("SESSION_ENGINE", "django.contrib.sessions.backends.cache", "recovery.W011"),
        ("SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https"), "recovery.W012"),
        ("CELERY_BROKER_TRANSPORT_OPTIONS", {"visibility_timeout": 30}, "recovery.W013"),
    ],
)
def test_what_fails_only_on_a_live_site_is_told_before_it_is_one(
    settings: Settings, name: str, value: Any, check: str
) -> None:
    assert check not in ids()
    setattr(settings, name, value)
    assert check in ids()


def test_every_check_is_documented_and_no_other() -> None:
    code = "".join(path.read_text() for path in sorted((ROOT / "recovery/checks").glob("*.py")))
    written = set(re.findall(r"recovery\.[EW]\d{3}", code))
    told = set(re.findall(r"recovery\.[EW]\d{3}", (ROOT / "docs/checks.md").read_text()))
    assert written == told
