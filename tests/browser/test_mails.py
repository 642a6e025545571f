"""The HTML mails as a mail program with a browser inside shows them: sound in every light, and they load nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser.conftest import AXE, LOOKS, Window

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*.html"))


@pytest.fixture(scope="module")
def program(chromium: Browser) -> Iterator[Window]:
    """One window for all mails, as in a mail program: none asks a site, keeps anything or runs a script."""
    context: Any = chromium.new_context(locale="en-GB", **LOOKS["light"])
    yield Window(context.new_page(), context, base="")
    context.close()


@pytest.mark.parametrize("mail", GOLDEN, ids=lambda path: path.stem)
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
