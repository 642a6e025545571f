"""The HTML mails as a mail program with a browser inside shows them: sound in every light, and they load nothing."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import AXE, LOOKS, OpenWindow

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*.html"))


@pytest.mark.parametrize("mail", GOLDEN, ids=lambda path: path.stem)
def test_the_mail_is_sound_in_every_light_and_loads_nothing(window: OpenWindow, mail: Path) -> None:
    seen = window()
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
