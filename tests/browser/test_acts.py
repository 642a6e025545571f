"""What staff press, in Django's own admin and in unfold: every fix by keyboard alone, from its question to the way
back, light or dark; every list and row narrow, in German, left to right and right to left."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils.http import urlencode
from playwright.sync_api import Browser

from recovery.admin.mending import BY_STAFF
from recovery.reasons import Fix
from tests.admin.rights import ACTS, Act
from tests.admin.scene import Scene, set_up
from tests.admin.test_matrix import addresses
from tests.browser.conftest import LOOKS, Window
from tests.browser.test_dashboard import faults, running_in_unfold, too_wide
from tests.factories import PASSWORD, StaffFactory
from tests.provider_lists.standins import Postmark, listening

BOX = "/admin/recovery/diagnosis/"
LONG = "Wiederherstellungszustellbarkeitsbescheinigung"
WORDS = "#content-main dd, #content-main > p, .recovery-act, .object-tools a, .help"
PRESSED = {
    Fix.SEND_NEW_LINK: "auth_user_send_reset_link",
    Fix.ACTIVATE: "auth_user_send_activation_link",
    Fix.REACTIVATE_ACCOUNT: "auth_user_activate_account",
    Fix.CORRECT_ADDRESS: "auth_user_correct_address",
    Fix.DECIDE_CORRECTION: "recovery_addresscorrection_decide approve",
    Fix.OPEN_CASE: "auth_user_open_case",
    Fix.CLOSE_CASE: "recovery_supportcase_work close",
    Fix.UNLOCK: "recovery_lockout_lift",
    Fix.LIFT_SUPPRESSION: "recovery_suppression_lift",
    Fix.LIFT_AT_PROVIDER: "recovery_email_at_provider",
    Fix.RETRY_MAIL: "recovery_email_steer retry",
    Fix.CANCEL_MAIL: "recovery_email_steer stop",
    Fix.SWITCH_ROUTE: "recovery_routestate_switch",
    Fix.RAISE_LEVEL: "recovery_levelswitch_change_level",
}
"""The act behind each button, in an order in which none takes another's row away."""
ACTS_BY_NAME = {str(act).strip(): act for act in ACTS}


@dataclass
class Desk:
    """Somebody with all rights, and one row of everything."""

    window: Window
    scene: Scene
    looks: tuple[str, ...]
    """In which pages are judged, one after the other: one admin in the other order, so that each is in both."""

    @property
    def back(self) -> str:
        return f"{BOX}person/{self.scene.rows['ada'].pk}/"

    def open(self, act: Act) -> None:
        """The question before an act, as the diagnosis leads to it."""
        self.window.page.goto(f"{self.window.base}{self.scene.path(act)}?{urlencode({'next': self.back})}")


@pytest.fixture(params=["stock", "unfold"])
def desk(request: Any, chromium: Browser, live_server: Any, settings: Any) -> Iterator[Desk]:
    with listening(Postmark()) as provider, ExitStack() as running:
        scene = set_up(settings, provider)
        StaffFactory.create(is_superuser=True, username="morgan")
        base, looks = live_server.url, ("light", "dark")
        if request.param == "unfold":
            chosen = {name: settings.RECOVERY[name] for name in ("ROUTES", "STAFF_MAY_SET_PASSWORDS")}
            looks = ("dark", "light")
            base = running.enter_context(contextmanager(running_in_unfold)(**chosen))
        context: Any = chromium.new_context(locale="en-GB", **LOOKS["light"])
        seen = Window(context.new_page(), context, base)
        seen.page.goto(f"{base}/admin/login/?next={BOX}")
        seen.page.locator("[name=username]").fill("morgan")
        seen.page.locator("[name=password]").fill(PASSWORD)
        with seen.page.expect_navigation():
            seen.page.locator("[type=submit]").first.click()
        yield Desk(seen, scene, looks)
        context.close()


def test_every_fix_of_the_diagnosis_is_pressed_here() -> None:
    assert set(PRESSED) == BY_STAFF
    assert set(PRESSED.values()) <= set(ACTS_BY_NAME)


def test_every_fix_is_asked_soundly_and_done_by_keyboard_alone(desk: Desk) -> None:
    seen = desk.window
    for (fix, name), look in zip(PRESSED.items(), cycle(desk.looks), strict=False):
        act = ACTS_BY_NAME[name]
        seen.wear(look)
        desk.open(act)
        assert faults(seen.page) == [], (fix, look)
        assert seen.page.locator("h1, .recovery-asked").filter(visible=True).count(), fix
        seen.wear("narrow")
        for direction in ("ltr", "rtl"):
            speak_at_length(seen, direction)
            assert too_wide(seen.page) == [], (fix, direction)
        seen.wear("light")
        desk.open(act)
        by_keyboard(seen, {name: str(value) for name, value in desk.scene.data(act).items()})
        assert urlsplit(seen.page.url).path == desk.back, fix
        assert seen.page.locator(".recovery-cause").is_visible(), fix
    assert [each for each in seen.complaints if "Error" in each] == []
    assert [r.url for r in seen.requests if not r.url.startswith(seen.base)] == []


def test_every_list_and_row_fits_a_phone_in_german_whichever_way_it_is_read(desk: Desk) -> None:
    seen = desk.window
    seen.context.add_cookies([{"name": "django_language", "value": "de", "url": seen.base}])
    for name, path in addresses(desk.scene).items():
        if not name.endswith(("_changelist", "_change")):
            continue
        answer = seen.page.goto(seen.base + path)
        assert answer is not None
        assert answer.status == 200, name
        assert seen.page.locator("html").get_attribute("lang") == "de"
        seen.wear("narrow")
        for direction in ("ltr", "rtl"):
            seen.page.evaluate("direction => { document.documentElement.dir = direction; }", direction)
            assert too_wide(seen.page) == [], (name, direction)


def speak_at_length(seen: Window, direction: str) -> None:
    """Whatever the page says, in longer words, read in this direction."""
    seen.page.evaluate(
        "([places, word, direction]) => { document.documentElement.dir = direction;"
        " document.querySelectorAll(places).forEach((each) => each.textContent = word); }",
        [WORDS, f"{LONG} {LONG}{LONG}", direction],
    )


def by_keyboard(seen: Window, typed: dict[str, str]) -> None:
    """Fill in what the page asks for, and send it, without a pointer."""
    page = seen.page
    for name, value in sorted(typed.items(), key=lambda pair: pair[0] == "reason"):  # where the page has put the focus
        if name == "reason":
            page.locator("[name=reason]").focus()
            page.keyboard.type(value)
        elif page.locator(f"[name={name}][type=radio]").count():
            page.locator(f"[name={name}][value={value}]").focus()
            page.keyboard.press("Space")
        elif not page.locator(f"[name={name}][type=hidden]").count():
            page.locator(f"[name={name}]").focus()
            page.keyboard.type(value)
    with page.expect_navigation():
        page.keyboard.press("Enter")
