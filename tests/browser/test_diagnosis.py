"""The diagnosis, a person's story and a mail's preview in a real browser: Django's admin and unfold, in every light, by
keyboard, narrow, right to left, under a strict policy."""

from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from playwright.sync_api import Browser, Page

from recovery import heartbeats
from recovery.models import Email, Heartbeat, ResetRequest
from recovery.reasons import Part
from tests.browser.conftest import LOOKS, OpenWindow, Window, ask, newest_link, work
from tests.browser.desks import LONG, faults, too_wide
from tests.browser.test_pictures import as_staff, report_delivery, state_why
from tests.browser.unfolding import Unfolded
from tests.factories import PASSWORD, StaffFactory, UserFactory
from tests.policies import ENFORCED
from tests.signing_in import locked

BOX = "/admin/recovery/diagnosis/"


@pytest.fixture
def desk(window: OpenWindow, reader: Any, settings: Any) -> Window:
    """Somebody with all rights at the box; amelie's sign-in is locked, and she asked for a link."""
    settings.ADMIN_POLICY = ENFORCED
    ask(window())
    newest_link()
    locked("amelie")
    seen = as_staff(window, BOX)
    heartbeats.beat(Part.BEAT)
    return seen


def look_up(page: Page, said: str) -> None:
    page.locator("#id_said").fill(said)
    with page.expect_navigation():
        page.locator("#id_said").press("Enter")


def test_an_agent_types_what_the_caller_says_mends_it_and_sees_that_it_is_mended(desk: Window, album: Path) -> None:
    look_up(desk.page, "amelie@example.com")
    assert "amelie" not in desk.page.url
    assert desk.page.locator("[data-cause=locked] h2").is_visible()
    desk.page.set_viewport_size({"width": 1240, "height": 800})
    desk.page.screenshot(path=album / "diagnosis.png", animations="disabled")
    desk.press("Lift the lock")
    assert desk.heading == "Lift this lockout?"
    state_why(desk, "called back, ticket 4714", "Unlock")
    assert "1 lockout is lifted." in desk.page.locator(".messagelist").first.inner_text()
    assert desk.page.locator(".recovery-cause").get_attribute("data-cause") != "locked"
    desk.press("Send a new link")
    state_why(desk, "called back, ticket 4714", "Send reset link")
    assert desk.page.url.endswith(f"{BOX}person/{ResetRequest.objects.latest('pk').user_key}/")
    assert desk.complaints == []


@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_are_sound_in_every_light(desk: Window, look: str) -> None:
    email = Email.objects.get(kind="reset")
    request = ResetRequest.objects.get()
    key = email.user_key
    for path in (
        BOX,
        f"{BOX}person/{key}/",
        f"{BOX}request/{request.pk}/",
        f"/admin/recovery/resetrequest/person/{key}/",
        f"/admin/recovery/email/{email.pk}/preview/",
        f"/admin/recovery/email/{email.pk}/change/",
    ):
        desk.complaints.clear()
        desk.open(path)
        desk.wear(look)
        for closed in desk.page.locator(".recovery-others summary").all():
            closed.click()
        assert desk.complaints == [], path  # before axe, which reads the style sheets once more
        assert faults(desk.page) == [], path
    assert [r.url for r in desk.requests if not r.url.startswith(desk.base)] == []


def test_what_else_was_found_opens_by_keyboard_and_the_button_is_reached(desk: Window) -> None:
    look_up(desk.page, "amelie")
    reached = []
    for _press in range(90):
        desk.page.keyboard.press("Tab")
        reached.append(desk.page.evaluate("(document.activeElement.dataset.fix || document.activeElement.tagName)"))
    assert "unlock" in reached
    summary = desk.page.locator(".recovery-others summary").first
    summary.focus()
    desk.page.keyboard.press("Enter")
    assert desk.page.locator(".recovery-others details[open] p").first.is_visible()
    desk.page.locator("[data-fix=unlock]").first.focus()
    with desk.page.expect_navigation():
        desk.page.keyboard.press("Enter")
    assert desk.heading == "Lift this lockout?"


def test_long_words_and_right_to_left_fit_a_phone(desk: Window) -> None:
    look_up(desk.page, "amelie")
    desk.wear("narrow")
    places = ".recovery-cause h2, .recovery-act, .recovery-others summary, .recovery-facts dd, .recovery-would"
    for direction in ("ltr", "rtl"):
        desk.page.evaluate(
            "([places, word, direction]) => { document.documentElement.dir = direction;"
            " document.querySelectorAll(places).forEach((each) => each.textContent = word); }",
            [places, f"{LONG} {LONG}{LONG}", direction],
        )
        assert too_wide(desk.page) == [], direction


def test_in_german_the_page_speaks_german(desk: Window) -> None:
    desk.context.add_cookies([{"name": "django_language", "value": "de", "url": desk.base}])
    look_up(desk.page, "amelie")
    assert desk.page.locator("html").get_attribute("lang") == "de"
    desk.wear("narrow")
    assert faults(desk.page) == []


def test_a_mail_that_was_delivered_and_not_seen_comes_with_the_words_for_their_it(
    window: OpenWindow, reader: Any, client: Client
) -> None:
    ask(window())
    newest_link()
    report_delivery(client)
    seen = as_staff(window, BOX)
    look_up(seen.page, "amelie")
    words = seen.page.locator(".recovery-words").first
    assert "amelie@example.com" in words.inner_text()
    assert seen.page.locator("[data-fix=send_new_link]").first.is_visible()
    assert faults(seen.page) == []


@pytest.fixture
def locked_out(unfolded: Unfolded) -> str:
    """Where unfold shows amelie, whose sign-in is locked."""
    StaffFactory.create(is_superuser=True, username="morgan")
    Heartbeat.objects.create(name="worker:one@mail", part="worker", beat_at=Now())
    user: Any = UserFactory.create(username="amelie", email="amelie@example.com")
    locked("amelie")
    Client().post("/recovery/forgot/", {"identifier": user.email})
    work()
    return unfolded.base


def test_the_pages_are_at_home_in_unfold(chromium: Browser, locked_out: str) -> None:
    key = Email.objects.get(kind="reset").user_key
    preview = f"/admin/recovery/email/{Email.objects.get(kind='reset').pk}/preview/"
    for look in LOOKS:
        context: Any = chromium.new_context(locale="en-GB", **LOOKS[look])
        page, complaints = context.new_page(), list[str]()
        page.on("pageerror", lambda error, said=complaints: said.append(str(error)))
        page.goto(f"{locked_out}/admin/login/?next={BOX}")
        page.locator("[name=username]").fill("morgan")
        page.locator("[name=password]").fill(PASSWORD)
        with page.expect_navigation():
            page.locator("[type=submit]").first.click()
        look_up(page, "amelie")
        assert page.locator("[data-cause=locked] h2").is_visible()
        assert page.locator("a[data-fix=unlock]").is_visible()
        assert faults(page) == [], look
        for path in (f"/admin/recovery/resetrequest/person/{key}/", preview):
            page.goto(locked_out + path)
            assert faults(page) == [], (look, path)
        assert complaints == []
        context.close()
