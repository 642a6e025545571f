"""An incident in a real browser, from the line that says it to the links that repair it: light, dark and narrow."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import AXE, LOOKS, OpenWindow, Window
from tests.browser.test_pictures import as_staff, state_why
from tests.factories import UserFactory
from tests.incidents.people import DEAD, PAGE, gets_in, incident_of, set_up, work
from tests.policies import ENFORCED
from tests.rotations.people import readers


@pytest.fixture
def morgan(window: OpenWindow, site: str, settings: Any) -> Window:
    """Somebody with all rights at the page: the mail of five people came back, of whom one got in all the same, and
    that of three others for another cause."""
    set_up(settings)
    settings.ADMIN_POLICY = ENFORCED
    settings.RECOVERY["BASE_URL"] = "https://library.example"
    people = readers(5)
    incident_of(people)
    incident_of([UserFactory.create(email=f"reader{n}@riverside.example") for n in range(3)], DEAD)
    gets_in(people[0])
    return as_staff(window, PAGE)


def is_sound(seen: Window) -> None:
    assert seen.faults(axe=False) == []
    for look in LOOKS:
        seen.wear(look)
        assert Axe().run(seen.page, context="#content-main", options=AXE).response["violations"] == []
        wide = seen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, look
    seen.wear("light")
    seen.complaints.clear()  # of axe itself, which writes styles and reads the style sheets from where it is


def test_staff_see_what_failed_for_many_and_send_fresh_links_by_keyboard(morgan: Window, album: Path) -> None:
    morgan.open(PAGE)
    is_sound(morgan)
    table = morgan.page.locator("[aria-labelledby=recovery-incidents]")
    table.screenshot(path=album / "incidents.png", animations="disabled")
    row = table.locator("tbody tr").first
    assert "refused for who we are" in row.inner_text()
    button = row.get_by_role("link", name="Send fresh links")
    button.focus()
    with morgan.page.expect_navigation():
        morgan.page.keyboard.press("Enter")
    assert morgan.heading == "Send fresh links?"
    assert "4 people get a mail" in morgan.page.locator("#content-main").inner_text()
    is_sound(morgan)
    state_why(morgan, "their server was mended, ticket 4715", "Send fresh links")
    assert "Fresh links are on their way to 4 people." in morgan.page.locator(".messagelist").inner_text()
    is_sound(morgan)
    assert "4 not begun with" in morgan.page.locator("[aria-labelledby=recovery-repairs]").inner_text()
    work()
    morgan.page.reload()
    assert "4 a fresh link was asked for" in morgan.page.locator("[aria-labelledby=recovery-repairs]").inner_text()
    assert morgan.page.get_by_role("link", name="Send fresh links").count() == 1, "of the other incident"
    morgan.open(PAGE)
    with morgan.page.expect_navigation():
        morgan.page.locator("[aria-labelledby=recovery-incidents] td a[href*=policy]").first.click()
    assert morgan.page.locator("#result_list tbody tr").count() == 5
