"""
What every mail says and holds, compared with files that a person has read.

``RECOVERY_GOLDEN=1 pytest tests/test_mails.py`` writes the files anew; read the difference before committing it.
"""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation

import recovery
from recovery.reasons import EmailKind
from tests.mailed import CASES, FACTS, GOLDEN, KEY, REFERENCE, SITE, Page, Write, html_of, written

pytestmark = pytest.mark.django_db

APP = Path(recovery.__file__).parent
LANGUAGES = ["en", *sorted(folder.name for folder in (APP / "locale").iterdir())]
HARMLESS_TAGS = {*"html head meta title style body div table tr td h1 p strong a br".split()}  # noqa: SIM905


each_mail = pytest.mark.parametrize("name", CASES)
OURS = sorted(set(EmailKind.values) - {EmailKind.SITE})  # the site's other mail has its own templates
each_kind = pytest.mark.parametrize("kind", OURS)
each_language = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture
def write(settings: Any) -> Write:
    settings.SECRET_KEY, settings.RECOVERY = KEY, settings.RECOVERY | FACTS
    return written


def text_of(message: EmailMultiAlternatives) -> str:
    return str(message.body)


def urls_in(text: str) -> list[str]:
    return re.findall(r"https?://\S+", text)


@each_mail
def test_the_mail_is_the_one_that_was_read_and_agreed(write: Write, name: str) -> None:
    message = write(name)
    text = f"Subject: {message.subject}\n\n{text_of(message)}"
    for path, found in ((GOLDEN / f"{name}.txt", text), (GOLDEN / f"{name}.html", html_of(message))):
        if os.environ.get("RECOVERY_GOLDEN"):
            path.write_text(found, encoding="utf-8")
        assert found == path.read_text(encoding="utf-8")


def test_every_kind_of_mail_and_no_other_has_a_golden_file() -> None:
    assert {case.kind for case in CASES.values()} == set(OURS)
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)


@each_language
@each_mail
def test_the_mail_renders_in_every_language(write: Write, name: str, language: str) -> None:
    message = write(name, language=language)
    assert f'lang="{language}"' in html_of(message)
    golden = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    assert (language == "en") == (str(message.body).strip() in golden)


@pytest.mark.attack(35)
@each_language
@each_mail
def test_text_and_html_carry_the_same_links_and_show_them_bare(write: Write, name: str, language: str) -> None:
    message = write(name, language=language)
    page = Page(html_of(message))
    links = urls_in(text_of(message))
    assert list(dict.fromkeys(page.hrefs)) == links
    assert [shown for shown in page.shown if shown.startswith("http")] == links
    for link in links:
        assert f"\n{link}\n" in text_of(message)


@pytest.mark.attack(35)
@each_mail
def test_the_mail_leads_to_the_site_alone_and_loads_nothing(write: Write, name: str) -> None:
    html = html_of(write(name))
    page = Page(html)
    allowed = (f"{SITE}/", CASES[name].context.get("sign_in_url", f"{SITE}/"))
    assert all(url.startswith(allowed) for url in urls_in(re.sub(r"[\"'<>]", " ", html)))
    assert page.tags <= HARMLESS_TAGS
    assert not page.attributes & {"src", "srcset", "background", "action", "data", "poster"}
    assert not [name for name in page.attributes if name.startswith("on")]
    assert "url(" not in html
    assert "@import" not in html


@pytest.mark.attack(35)
def test_the_reset_mail_says_who_asked_when_how_long_and_what_else_to_know(write: Write) -> None:
    message = write("reset")
    for said in (text_of(message), html_of(message)):
        for fact in ("Nov. 21, 2026, 9:30 a.m. (UTC)", "Firefox (Linux)", "1 hour", REFERENCE, "amelie", "newest one",
                     "It was not you?", "Nobody reads replies", "help@riverside-library.example"):  # fmt: skip
            assert fact in said, fact


def test_times_are_shown_in_the_zone_of_the_site(write: Write, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    assert "10:30 a.m. (CET)" in text_of(write("reset"))


def test_each_account_of_an_address_has_its_own_link(write: Write) -> None:
    text = text_of(write("reset_several_accounts"))
    assert len(set(urls_in(text))) == 2
    marks = ["for amelie:", "/reset/0000", "for amelie.work:", "/reset/1111"]
    assert sorted(marks, key=text.index) == marks


def test_a_mail_sent_by_staff_says_so_and_shows_no_browser_of_theirs(write: Write) -> None:
    text = text_of(write("reset_by_staff"))
    assert "support team of Riverside Library" in text
    assert "Firefox" not in text


@pytest.mark.attack(35)
def test_links_hold_no_name_no_address_and_no_account_number(write: Write) -> None:
    [link] = urls_in(text_of(write("reset")))
    assert re.fullmatch(rf"{SITE}/recovery/reset/0{{22}}/[\w-]{{43}}/", link)


@each_mail
def test_the_subject_holds_no_secret_and_no_name(write: Write, name: str) -> None:
    subject = write(name).subject
    for secret in ("http", "/", REFERENCE, "amelie", "@"):
        assert secret not in subject


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("password_changed", ["not-me"]),
        ("address_changed_old", ["not-me"]),
        ("address_changed_new", []),
        ("address_proposed", ["not-me"]),
        ("backup_added", ["not-me", "backup-addresses"]),
        ("backup_removed_itself", []),
        ("locked", ["forgot", "not-me"]),
        ("locked_by_staff", []),
        ("new_device", ["not-me"]),
        ("suspicious_sign_in", ["not-me"]),
        ("rotation_forced_by_person", ["forgot"]),
        ("rotation_forced_disputed", []),
    ],
)
def test_notices_carry_no_link_that_changes_anything(write: Write, name: str, wanted: list[str]) -> None:
    """What follows from each of these pages needs something else: a typed code, a typed name, a password."""
    message = write(name)
    assert [url.split("/")[4] for url in urls_in(text_of(message))] == wanted
    assert "/reset/" not in html_of(message)


def test_the_mail_to_an_unknown_address_holds_nothing_that_was_typed(write: Write) -> None:
    message = write("unknown_account", identifier="win at https://spam.example")
    for said in (message.subject, text_of(message), html_of(message)):
        assert "spam" not in said


@pytest.mark.parametrize("name", ["address_changed_old", "address_changed_new"])
def test_the_notice_of_a_new_address_shows_neither_address(write: Write, name: str) -> None:
    message = write(name)
    for said in (text_of(message), html_of(message)):
        assert set(re.findall(r"[\w.-]+@[\w.-]+", said)) == {"help@riverside-library.example"}


@each_language
@each_kind
def test_a_site_name_cannot_add_a_header(kind: str, language: str) -> None:
    with translation.override(language):
        site_name = "Bank\r\nBcc: all@evil.example\x85\u2028"
        subject = render_to_string(f"recovery/mail/{kind}.subject.txt", {"site_name": site_name}).removesuffix("\n")
    assert len(subject.splitlines()) == 1


@each_mail
def test_the_subject_is_plain_text_not_html(write: Write, settings: Any, name: str) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "SITE_NAME": "Smith & Sons’ <Books>"}
    message = write(name)
    assert "Smith & Sons’ <Books>" in message.subject
    assert "Smith & Sons’ <Books>" in text_of(message)
    assert "<Books>" not in html_of(message)


def test_a_user_name_cannot_forge_a_line_or_markup(write: Write) -> None:
    message = write("reset", username="x\n\nhttps://evil.example/\n<b>\u202e")
    text, html = text_of(message), html_of(message)
    assert not [line for line in text.splitlines() if line.startswith("https://evil")]
    assert "\u202e" not in text + html
    assert "<b>" not in html
    assert not [href for href in Page(html).hrefs if "evil" in href]


@each_mail
def test_the_message_survives_the_mail_library_with_both_parts_and_no_more_recipients(write: Write, name: str) -> None:
    sent = write(name).message()
    assert [part.get_content_type() for part in sent.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert sent["To"] == "amelie@example.com"
    assert sent["Bcc"] is None
    assert sent["List-Unsubscribe"] is None
    assert sent["Auto-Submitted"] == "auto-generated"
