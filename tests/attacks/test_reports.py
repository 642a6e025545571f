"""Case 19, error reports: whatever fails wherever, Django's report of it does not hold the secret or the password."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.mail.backends.base import BaseEmailBackend
from django.core.signals import got_request_exception
from django.db import DataError
from django.test import Client, override_settings
from django.views.debug import ExceptionReporter

from recovery import resets, tokens
from recovery.models import Email
from recovery.origin import Origin
from recovery.reasons import EmailState
from tests.asking import FIREFOX, NEW_PASSWORD, ask, asked, browser
from tests.factories import UserFactory
from tests.following import failing, mailed_link, opened, row_of, selector_of, templates, verifier_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(19)]


@pytest.fixture
def reports() -> Iterator[list[str]]:
    """Every report that Django would mail to the admins, as text and as HTML with the variables of each frame."""
    made: list[str] = []

    def write(sender: Any, request: Any, **rest: Any) -> None:
        made.append(report(request, sys.exc_info()))

    got_request_exception.connect(write)
    yield made
    got_request_exception.disconnect(write)


def report(request: Any, error: Any) -> str:
    reporter = ExceptionReporter(request, *error)
    return reporter.get_traceback_text() + reporter.get_traceback_html()


def visitor() -> Client:
    return Client(raise_request_exception=False, **FIREFOX)


def no_base_url() -> AbstractContextManager[Any]:
    return override_settings(RECOVERY={"BASE_URL": ""})


class BreachList:
    """A password validator of the site whose service is down."""

    def validate(self, password: str, user: Any = None) -> None:
        looked_up = password.upper()
        raise ConnectionError(f"no answer for a password of {len(looked_up)} characters")

    def get_help_text(self) -> str:
        return ""


def breach_list_down() -> AbstractContextManager[Any]:
    return override_settings(AUTH_PASSWORD_VALIDATORS=[{"NAME": f"{__name__}.BreachList"}])


def no_hasher() -> AbstractContextManager[Any]:
    return override_settings(PASSWORD_HASHERS=["nowhere.Hasher"])


@dataclass(frozen=True)
class Stage:
    """One way in which a step of the link fails for good: what is broken, and what the person does meanwhile."""

    broken: Callable[[], AbstractContextManager[Any]]
    knock: Callable[[Client, str], Any]


def plain(client: Client, link: str) -> Any:
    """Fetched by something that is no browser, so that the fetch itself is written down."""
    return client.get(link, headers={"sec-fetch-mode": "cors"})


def by_djangos_name(client: Client, link: str) -> Any:
    return plain(client, link.replace("/recovery/", "/accounts/"))


def form(client: Client, link: str) -> Any:
    client.get(link)
    return client.get(f"/recovery/reset/{selector_of(link)}/")


def password(client: Client, link: str) -> Any:
    client.get(link)
    path = f"/recovery/reset/{selector_of(link)}/"
    return client.post(path, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})


def again(client: Client, link: str) -> Any:
    client.get(link)
    return client.post(f"/recovery/reset/{selector_of(link)}/", {"again": "1"})


STAGES = {
    "link, no base url": Stage(no_base_url, plain),
    "link of a browser, no base url": Stage(no_base_url, lambda client, link: client.get(link)),
    "link, database": Stage(lambda: failing("open_count"), plain),
    "link, trail": Stage(lambda: failing("INSERT INTO .recovery_auditevent"), plain),
    "link by Django's name, database": Stage(lambda: failing("open_count"), by_djangos_name),
    "link with a full stop, database": Stage(
        lambda: failing("open_count"), lambda client, link: plain(client, link.rstrip("/") + ".")
    ),
    "mangled link, template": Stage(
        lambda: templates({"recovery/dead_link.html": "{% include 'nowhere.html' %}"}),
        lambda client, link: client.get(link + "x/"),
    ),
    "form, database": Stage(lambda: failing("open_count"), form),
    "form, account": Stage(lambda: failing("FROM .auth_user"), form),
    "form, template": Stage(lambda: templates({"recovery/set_password.html": "{% include 'nowhere.html' %}"}), form),
    "dead, template": Stage(lambda: templates({"recovery/dead_link.html": "{% include 'nowhere.html' %}"}), form),
    "password, standing": Stage(lambda: failing("FROM .?recovery_resettoken"), password),
    "password, validator": Stage(breach_list_down, password),
    "password, hasher": Stage(no_hasher, password),
    "password, spending": Stage(lambda: failing("UPDATE recovery_resettoken SET state"), password),
    "password, account": Stage(lambda: failing("UPDATE .auth_user"), password),
    "password, notice": Stage(lambda: failing("INSERT INTO .recovery_email"), password),
    "password, trail": Stage(lambda: failing("INSERT INTO .recovery_auditevent"), password),
    "again": Stage(lambda: failing("recovery_limitcounter"), again),
}


@pytest.mark.parametrize("stage", STAGES)
def test_no_report_of_a_failing_page_holds_the_link_or_the_password(stage: str, reports: list[str]) -> None:
    user = UserFactory.create()
    link = mailed_link(user)
    if stage.startswith(("dead", "again")):
        client, path = opened(link)
        client.post(path, {"new_password1": "an older one, now gone"})
    with STAGES[stage].broken():
        answer = STAGES[stage].knock(visitor(), link)
    assert answer.status_code == 500
    [text] = reports
    places = [text[max(0, at - 200) : at] for at in found_in(text, verifier_of(link)) + found_in(text, NEW_PASSWORD)]
    assert places == []


def found_in(text: str, secret: str) -> list[int]:
    """Where the secret stands, whole or one half of it."""
    middle = len(secret) // 2
    return [at for part in (secret, secret[:middle], secret[middle:]) if (at := text.find(part)) >= 0]


class Talkative(BaseEmailBackend):
    """A provider that takes nothing and repeats what it was given."""

    def send_messages(self, email_messages: Any) -> int:
        [message] = email_messages
        raise ConnectionError(f"451 {message.message().as_string()}")


NOTED = "from_states"
BROKEN_MAIL = "{% for link in links %}{{ link.url }}{% include link.url %}{% endfor %}"


@pytest.mark.parametrize("way", ["sent", "refused", "not rendered"])
def test_no_report_of_a_failing_delivery_holds_the_link(way: str, settings: Any) -> None:
    """The outcome cannot be noted, so the task fails, and its report carries what failed before as its context."""
    ask(browser(), UserFactory.create().email)
    if way == "refused":
        settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [{"NAME": "way", "BACKEND": f"{__name__}.Talkative"}]}
    broken = templates({"recovery/mail/reset.html": BROKEN_MAIL}) if way == "not rendered" else nullcontext()
    with broken, failing(NOTED, DataError("a number too large")), pytest.raises(DataError) as error:
        resets.fulfil(asked().pk)
    email = Email.objects.get()
    assert email.state == EmailState.SENDING
    text = report(None, (error.type, error.value, error.tb))
    assert "_write" in text
    assert found_in(text, tokens.verifier_of(email.tokens.get())) == []


def test_no_report_of_completing_from_elsewhere_holds_the_password() -> None:
    user = UserFactory.create()
    token = row_of(mailed_link(user))
    with no_hasher(), pytest.raises(ImportError) as error:
        resets.complete(token, user, NEW_PASSWORD, origin=Origin())
    assert found_in(report(None, (error.type, error.value, error.tb)), NEW_PASSWORD) == []
