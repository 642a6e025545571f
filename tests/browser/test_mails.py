"""The HTML mails as a mail program with a browser inside shows them: sound in every light, and they load nothing."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import transaction
from django.utils import translation
from playwright.sync_api import Browser

from tests.browser.conftest import AXE, LOOKS, Window
from tests.browser.test_languages import LANGUAGES
from tests.mailed import CASES, FACTS, GOLDEN, KEY, REFERENCE, Case, Page, html_of, written

READ = sorted(GOLDEN.glob("*.html"))
ABOUT = """() => {
    const root = document.documentElement, told = [root.lang, root.dir], fits = root.scrollWidth <= innerWidth;
    const inside = document.querySelector("h1").parentElement;
    for (const name of ["lang", "dir"]) root.removeAttribute(name);  // as webmail shows it: inside a page of its own
    return {told, fits, within: [inside.closest("[lang]")?.lang, getComputedStyle(inside).direction]};
}"""


@pytest.fixture(scope="module")
def program(chromium: Browser) -> Iterator[Window]:
    """One window for all mails, as in a mail program: none asks a site, keeps anything or runs a script."""
    context: Any = chromium.new_context(locale="en-GB", **LOOKS["light"])
    yield Window(context.new_page(), context, base="")
    context.close()


@pytest.mark.parametrize("mail", READ, ids=lambda path: path.stem)
def test_the_mail_is_sound_in_every_light_and_loads_nothing(program: Window, mail: Path) -> None:
    seen = program
    seen.requests.clear()
    seen.complaints.clear()
    seen.page.set_content(mail.read_text(encoding="utf-8"))
    for look in LOOKS:
        seen.wear(look)
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), look
        if look == "narrow":
            continue  # the same colours and words as wide
        violations = Axe().run(seen.page, options=AXE).response["violations"]
        # A mail has no landmarks: the mail program around it has.
        assert [rule["id"] for rule in violations if rule["id"] not in {"landmark-one-main", "region"}] == [], look
    assert seen.requests == []
    assert seen.complaints == []


def html_in(language: str, name: str) -> str:
    with transaction.atomic():
        html = html_of(written(name, language))
        transaction.set_rollback(True)  # the same names again in the next mail
    return html


def sentences(html: str, case: Case) -> set[str]:
    """What a mail says without what it was told: names, addresses, and lines written in the language of its time."""
    told = [*FACTS.values(), REFERENCE, "Firefox (Linux)"]
    for value in (*case.names, *case.context.values()):
        told += value if isinstance(value, list) else [value] if isinstance(value, str) else []
    said = re.sub(r"https?://\S+|\(UTC\)", "", "\n".join(Page(html).shown))
    for fact in sorted(filter(None, told), key=len, reverse=True):
        said = said.replace(fact, "")
    return {part for part in re.split(r"\s*[.?!:]\s+|\n", said) if re.search(r"[^\W\d_]{2}", part)}


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_every_mail_fits_a_narrow_telephone_in_every_language(program: Window, settings: Any, language: str) -> None:
    settings.SECRET_KEY, settings.RECOVERY = KEY, settings.RECOVERY | FACTS
    program.page.set_viewport_size(LOOKS["narrow"]["viewport"])
    way = "rtl" if translation.get_language_info(language)["bidi"] else "ltr"
    faults: dict[str, Any] = {}
    for name, case in CASES.items():
        html = html_in(language, name)
        program.page.set_content(html)
        about = program.page.evaluate(ABOUT)
        if about != {"told": [language, way], "fits": True, "within": [language, way]}:
            faults[name] = about
        read = (GOLDEN / f"{name}.html").read_text(encoding="utf-8")
        if language != "en" and (left := sentences(html, case) & sentences(read, case)):
            faults[f"{name} in English"] = left
    assert faults == {}
