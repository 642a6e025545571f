"""What the pages tell a person, and what holds for all of them beside the cases of attackers."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils.html import escape

from recovery import link_lives, tokens
from recovery.models import LinkLife
from tests.asking import FORGOT, ask, browser, masked, set_password, statements, work
from tests.factories import UserFactory
from tests.following import mailed_link, opened

pytestmark = pytest.mark.django_db

LOCAL = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


@pytest.mark.parametrize(
    ("life", "told"),
    [
        ("auto", "15 to 60 minutes; the mail says how long"),
        (timedelta(minutes=20), "for 20 minutes"),
        (timedelta(hours=30), "for 1 day"),
    ],
)
def test_the_page_promises_no_longer_life_than_the_mail_and_reads_no_row_for_it(
    settings: Any, life: Any, told: str
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "TOKEN_LIFETIME": life}
    page = ask(browser(), "ada@example.com").url
    with statements() as found:
        body = browser().get(page).content.decode()
    assert found.texts == []
    assert f"<dd>{told}</dd>" in body
    assert (timedelta(minutes=15), timedelta(minutes=60)) == (link_lives.SHORTEST, link_lives.LONGEST)


def test_the_page_names_the_sender_and_the_subject_by_which_the_mail_is_found_in_spam_as_well() -> None:
    user = UserFactory.create()
    body = browser().get(ask(browser(), user.email).url).content.decode()
    work()
    [message] = mail.outbox
    assert f"<dt>From</dt><dd>{escape(message.from_email)}</dd>" in body
    assert f"<dt>Subject</dt><dd>{escape(message.subject)}</dd>" in body
    assert "Look in your spam or junk folder" in body


def test_when_mail_arrives_is_told_as_what_is_usual() -> None:
    assert "within 2 minutes, as a rule" in browser().get("/recovery/sent/ZZZZ-ZZZZ/").content.decode()


def test_the_reference_is_a_term_and_its_value_not_a_paragraph_with_another_name() -> None:
    body = browser().get("/recovery/sent/7KQ4-M9XD/").content.decode()
    assert '<dd class="code">7KQ4-M9XD</dd>' in body
    assert "aria-labelledby" not in body


@pytest.mark.parametrize("contact", [None, "help@library.example"])
def test_the_last_page_says_what_to_do_about_a_mail_that_nobody_expected(settings: Any, contact: str | None) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "SUPPORT_CONTACT": contact}
    body = browser().get("/recovery/reset/done/").content.decode()
    assert ("tell us at once" in body) is bool(contact)
    assert ("ask for a new link at once" in body) is not contact


def test_the_page_of_a_dead_link_without_a_reason_names_those_that_it_may_not_tell() -> None:
    body = browser().get("/recovery/reset/nonsense").content.decode()
    assert "cut off" in body
    assert "the password or the address of the account was changed" in body


def test_one_thing_takes_the_focus_the_field_or_what_is_wrong_with_it() -> None:
    client, form = opened(mailed_link(UserFactory.create()))
    for right, wrong in (
        (client.get(FORGOT), ask(client, "")),
        (client.get(form), set_password(client, form, "short")),
        (client.get(form), client.post(form, {"new_password1": "seven quiet herons", "new_password2": "other"})),
    ):
        for page, focused in ((right, "<input"), (wrong, "<div")):
            [before, _] = page.content.decode().split(" autofocus")
            assert before.rpartition("<")[2].split()[0] == focused.removeprefix("<")
    assert " autofocus" in client.get(form).content.decode(), "a form with errors takes nothing from the next"


@pytest.mark.parametrize("url", ["/static/", "static/", "", None])
def test_static_files_of_this_site_need_no_word_in_the_policy(settings: Any, url: str | None) -> None:
    settings.STATIC_URL = url or "/static/"
    assert browser().get("/recovery/forgot/").headers["Content-Security-Policy"] == LOCAL


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://cdn.example/static/", "https://cdn.example"),
        ("https://cdn.example:8443/a/b/", "https://cdn.example:8443"),
        ("//cdn.example/static/", "cdn.example"),
    ],
)
def test_static_files_on_another_host_may_be_loaded_from_there_and_nothing_else(
    settings: Any, url: str, host: str
) -> None:
    settings.STATIC_URL = url
    answer = browser().get("/recovery/forgot/")
    own, files = answer.headers["Content-Security-Policy"][: len(LOCAL)], {}
    for part in answer.headers["Content-Security-Policy"][len(LOCAL) :].strip("; ").split("; "):
        kind, _, sources = part.partition(" ")
        files[kind] = sources
    assert own == LOCAL
    assert files == {f"{kind}-src": f"'self' {host}" for kind in ("style", "script", "img", "font")}
    assert f'href="{url}recovery/recovery.css"' in answer.content.decode()


def test_the_page_says_the_same_however_slow_mail_is() -> None:
    before = masked(browser().get("/recovery/sent/ZZZZ-ZZZZ/").content.decode())
    LinkLife.objects.create(audience="default", seconds=900, delivery_count=200, opening_count=200)
    assert tokens.lifetime() < timedelta(minutes=20)
    assert masked(browser().get("/recovery/sent/ZZZZ-ZZZZ/").content.decode()) == before
