"""The dashboard in a real browser: in Django's own admin and in unfold, in every light, by keyboard, without script."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page

from recovery import heartbeats
from recovery.reasons import EmailState, Part
from tests.browser.conftest import LOOKS, OpenWindow
from tests.browser.desks import faults, too_wide
from tests.browser.unfolding import Unfolded
from tests.factories import PASSWORD, StaffFactory
from tests.past import HOUR, Mail
from tests.policies import ENFORCED
from tests.rolled import whole

DASHBOARD = "/admin/recovery/rollup/"


@pytest.fixture
def a_day_of_mail(transactional_db: None) -> None:
    """Of each kind something, so that every part of the page has something to show."""
    StaffFactory.create(is_superuser=True, username="morgan")
    for part in (Part.BEAT, Part.SWEEP):
        heartbeats.beat(part)
    now = timezone.now()
    for number in range(60):
        at = now - (1 + number % 20) * HOUR
        Mail(at=at, took=3 + number, used=40 if number % 2 else None, domain=f"d{number % 5}.example").write()
    for state in (EmailState.BOUNCED, EmailState.HANDED_OVER, EmailState.WITHHELD, EmailState.FAILED):
        Mail(at=now - 3 * HOUR, state=state, took=None).write()
    whole()


def sign_in(page: Page, base: str, query: str = "") -> None:
    page.goto(f"{base}/admin/login/?next={DASHBOARD}{query}")
    page.locator("[name=username]").fill("morgan")
    page.locator("[name=password]").fill(PASSWORD)
    with page.expect_navigation():
        page.locator("[type=submit]").first.click()
    assert page.url == f"{base}{DASHBOARD}{query}"


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.usefixtures("a_day_of_mail")
def test_the_page_is_readable_in_every_light_and_asks_for_nothing_that_a_strict_policy_forbids(
    window: OpenWindow, settings: Any, look: str
) -> None:
    settings.ADMIN_POLICY = ENFORCED
    seen = window(**LOOKS[look])
    sign_in(seen.page, seen.base, "?window=7d")
    assert seen.page.locator("#recovery-headline").is_visible()
    assert seen.page.locator(".recovery-chart svg").count() == 2
    seen.page.locator("summary").click()
    assert seen.complaints == []  # before axe, which reads the style sheets once more from where it is
    assert faults(seen.page) == []
    assert [r.url for r in seen.requests if not r.url.startswith(seen.base)] == []


@pytest.mark.usefixtures("a_day_of_mail")
def test_an_operator_reads_in_the_first_screen_whether_recovery_works(window: OpenWindow) -> None:
    seen = window(**LOOKS["light"])
    sign_in(seen.page, seen.base)
    for place in ("#recovery-headline", ".recovery-tile >> nth=3", ".recovery-tile >> nth=0"):
        box = seen.page.locator(place).bounding_box()
        assert box
        assert box["y"] + min(box["height"], 60) < 760, place
    size = "parseFloat(getComputedStyle(document.querySelector('#recovery-headline')).fontSize)"
    assert seen.page.evaluate(size) >= 20


@pytest.mark.usefixtures("a_day_of_mail")
def test_the_page_works_by_keyboard_and_without_script(window: OpenWindow) -> None:
    seen = window(script=False, **LOOKS["narrow"])
    sign_in(seen.page, seen.base)
    seen.page.locator("[name=window]").select_option("7d")
    seen.page.locator("[name=domain]").fill("d1.example")
    seen.page.locator("[name=domain]").press("Enter")
    seen.page.wait_for_url("**domain=d1.example*")
    assert "window=7d" in seen.page.url
    seen.page.locator("summary").focus()
    seen.page.keyboard.press("Enter")
    assert seen.page.locator("#recovery-mail-table table").is_visible()
    first = seen.page.locator(".recovery-tile a").first
    first.focus()
    with seen.page.expect_navigation():
        seen.page.keyboard.press("Enter")
    assert "/admin/recovery/email/?counted=" in seen.page.url


@pytest.mark.usefixtures("a_day_of_mail")
def test_long_words_and_right_to_left_fit_too(window: OpenWindow) -> None:
    seen = window(**LOOKS["narrow"])
    sign_in(seen.page, seen.base)
    seen.page.evaluate(
        "document.documentElement.dir = 'rtl';"
        "document.querySelectorAll('.recovery-tile h3, .recovery-tile dt, .recovery-headline h2')"
        ".forEach(each => each.textContent = 'Wiederherstellungszustellbarkeitskennzahl')"
    )
    assert too_wide(seen.page) == []


@pytest.mark.usefixtures("a_day_of_mail")
def test_the_pictures_of_the_dashboard_can_be_taken(window: OpenWindow, album: Path) -> None:
    seen = window(viewport={"width": 1180, "height": 760})
    sign_in(seen.page, seen.base)
    part = seen.page.locator("#content-main")
    for name, look in (("dashboard", "light"), ("dashboard_dark", "dark")):
        seen.page.emulate_media(color_scheme=LOOKS[look]["color_scheme"])
        part.screenshot(path=album / f"{name}.png", animations="disabled")
    assert {picture.stem for picture in album.iterdir()} >= {"dashboard", "dashboard_dark"}
    for number in ("Within 60 s", "95 %"):
        assert number in part.inner_text().replace("\xa0", " ")


@pytest.mark.usefixtures("a_day_of_mail")
def test_the_page_is_at_home_in_unfold(chromium: Browser, unfolded: Unfolded) -> None:
    for look in LOOKS:
        context: Any = chromium.new_context(locale="en-GB", **LOOKS[look])
        page, complaints = context.new_page(), list[str]()
        page.on("pageerror", lambda error, said=complaints: said.append(str(error)))
        sign_in(page, unfolded.base, "?window=7d")
        assert page.locator("#recovery-headline").is_visible()
        assert page.locator(".recovery-tile").count() == 4
        assert complaints == []
        assert faults(page) == [], look
        page.locator(".recovery-tile a").first.click()
        page.wait_for_url("**counted=*")
        assert page.locator("table tbody tr").count() > 3
        context.close()
