"""Asking again from "check your mail": the wait that counts down, and who may ask."""

from datetime import timedelta
from typing import Any

import pytest

from recovery.models import ResetRequest
from tests.browser.conftest import OpenWindow, ask
from tests.browser.places import at_expired


@pytest.fixture
def cooldown(settings: Any, site: str) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "COOLDOWN": timedelta(minutes=5)}


def test_the_wait_counts_down_is_announced_once_and_ends(window: OpenWindow, reader: Any, cooldown: None) -> None:
    seen = window()
    seen.page.clock.install()
    ask(seen)
    first = seen.page.url
    button, wait = seen.page.get_by_role("button", name="Send it again"), seen.page.locator("[data-wait-text]")
    assert button.get_attribute("aria-disabled") == "true"
    assert wait.inner_text().startswith("You can ask again in ")
    button.click(force=True)
    assert seen.page.url == first
    assert seen.page.get_by_role("status").text_content() == ""
    seen.page.clock.run_for(301_000)
    assert button.get_attribute("aria-disabled") is None
    assert wait.inner_text() == seen.page.get_by_role("status").text_content() == "You can ask again now."
    assert ResetRequest.objects.count() == 1


def test_asking_again_after_the_wait_gives_a_new_reference(window: OpenWindow, reader: Any) -> None:
    seen = window()
    ask(seen)
    first = seen.page.locator(".code").inner_text()
    seen.press("Send it again")
    assert seen.heading == "Check your mail"
    assert seen.page.locator(".code").inner_text() != first
    assert ResetRequest.objects.count() == 2


def test_without_script_an_early_tap_is_refused_by_the_site(window: OpenWindow, reader: Any, cooldown: None) -> None:
    seen = window(script=False)
    ask(seen)
    first = seen.page.url
    seen.press("Send it again")
    assert seen.page.url == first
    assert "You can ask again in" in seen.page.locator("main").inner_text()
    assert ResetRequest.objects.count() == 1


def test_another_browser_sees_the_same_page_without_the_button(window: OpenWindow, reader: Any) -> None:
    seen, other = window(), window()
    ask(seen)
    other.open(seen.page.url)
    assert other.page.locator(".code").inner_text() == seen.page.locator(".code").inner_text()
    assert other.page.get_by_role("button").count() == 0
    other.press("Ask again")
    assert other.heading == "Forgot your password?"


def test_a_mistyped_domain_is_pointed_out_and_nothing_is_changed(window: OpenWindow) -> None:
    seen = window()
    ask(seen, "amelie@gmial.com")
    assert "gmail.com" in seen.page.locator(".hint").inner_text()
    assert "amelie" not in seen.page.content()
    assert ResetRequest.objects.get().identifier == "amelie@gmial.com"
    seen.press("Type it again")
    assert seen.heading == "Forgot your password?"


@pytest.mark.parametrize("script", [True, False])
def test_a_dead_link_is_one_tap_from_a_new_one(window: OpenWindow, reader: Any, script: bool) -> None:
    seen = window(script=script)
    at_expired(seen)
    assert "amelie" not in seen.page.content()
    seen.press("Send me a new link")
    assert seen.heading == "Check your mail"
    assert ResetRequest.objects.count() == 2
