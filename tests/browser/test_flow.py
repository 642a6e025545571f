"""The whole way in a browser: forgot, mail, link, new password; and what the address bar and the wire never hold."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import authenticate
from playwright.sync_api import Route

from recovery.models import ResetRequest
from tests.browser.conftest import NEW_PASSWORD, OpenWindow, Window, ask, newest_link

with_and_without_script = pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])


def sign_in(window: Window, password: str) -> None:
    window.page.locator("input[name=username]").fill("amelie")
    window.page.locator("input[name=password]").fill(password)
    with window.page.expect_navigation():
        window.page.locator("input[name=password]").press("Enter")


@with_and_without_script
def test_a_person_gets_back_in(window: OpenWindow, reader: Any, script: bool) -> None:
    seen = window(script=script)
    ask(seen)
    seen.open(newest_link())
    fields = seen.page.locator("input[type=password]")
    assert fields.count() == (1 if script else 2)
    for field in fields.all():
        field.fill(NEW_PASSWORD)
    seen.press("Save new password")
    assert seen.heading == "Your new password is saved"
    seen.press("Sign in")
    sign_in(seen, NEW_PASSWORD)
    assert seen.context.request.get(f"{seen.base}/accounts/password_change/").url.endswith("/accounts/password_change/")
    assert seen.complaints == []
    assert authenticate(username="amelie", password=NEW_PASSWORD) == reader


def test_without_script_the_second_field_may_not_stay_empty(window: OpenWindow, reader: Any) -> None:
    seen = window(script=False)
    ask(seen)
    seen.open(newest_link())
    seen.page.locator("input[type=password]").first.fill(NEW_PASSWORD)
    seen.press("Save new password")
    assert seen.heading == "Choose a new password"
    assert "The two passwords differ" in seen.page.locator("[data-error-summary]").inner_text()


@with_and_without_script
def test_two_different_passwords_are_told_apart_only_where_there_are_two(
    window: OpenWindow, reader: Any, script: bool
) -> None:
    seen = window(script=script)
    ask(seen)
    seen.open(newest_link())
    for number, field in enumerate(seen.page.locator("input[type=password]").all()):
        field.fill(f"{NEW_PASSWORD} {number}")
    seen.press("Save new password")
    assert seen.heading == ("Your new password is saved" if script else "Choose a new password")


@pytest.mark.attack(33)
def test_no_request_no_address_bar_and_no_history_holds_the_secret_of_the_link(
    window: OpenWindow, reader: Any, settings: Any
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "SUPPORT_CONTACT": "https://help.elsewhere.example/"}
    seen = window()
    ask(seen)
    link = newest_link()
    verifier = link.rstrip("/").rpartition("/")[2]

    def elsewhere(route: Route) -> None:
        route.fulfill(body="<!doctype html><title>Help</title>", content_type="text/html")

    seen.context.route("https://help.elsewhere.example/**", elsewhere)
    seen.open(link)
    assert verifier not in seen.page.url
    assert verifier not in seen.page.content()
    seen.page.evaluate("document.body.append(Object.assign(new Image(), {src: '/a-picture-of-this-site.png'}))")
    with seen.page.expect_navigation():
        seen.page.locator("footer a").click()
    assert urlsplit(seen.page.url).hostname == "help.elsewhere.example"
    seen.page.go_back()
    assert seen.heading == "Choose a new password"
    assert verifier not in seen.page.url
    seen.page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    seen.press("Save new password")

    with_it = [request for request in seen.requests if verifier in request.url]
    assert [request.url for request in with_it] == [link]
    referers = [request.all_headers().get("referer", "") for request in seen.requests]
    assert any(referers)
    assert not [referer for referer in referers if verifier in referer]
    away = [request for request in seen.requests if "elsewhere" in request.url]
    assert [request.all_headers().get("referer") for request in away] == [None]
    assert "recovery_token" not in {cookie["name"] for cookie in seen.context.cookies()}


@pytest.mark.attack(33)
def test_pages_with_a_link_in_them_are_stored_nowhere(window: OpenWindow, reader: Any) -> None:
    seen = window()
    ask(seen)
    seen.open(newest_link())
    pages = [response for response in seen.responses if response.request.resource_type == "document"]
    assert len(pages) >= 4
    assert {response.headers["cache-control"] for response in pages} == {"no-store"}


def test_what_the_password_manager_needs_is_on_the_page(window: OpenWindow, reader: Any) -> None:
    seen = window()
    ask(seen)
    seen.open(newest_link())
    form = seen.page.locator("form")
    assert form.locator("input[autocomplete=username]").input_value() == "amelie"
    assert form.locator("input[autocomplete=new-password]").count() == 1
    seen.page.keyboard.type("typed")  # the field has the focus from the start, and the name's field is never in the way
    assert form.locator("input[autocomplete=new-password]").input_value() == "typed"


def test_the_new_password_can_be_shown_and_is_hidden_again_before_it_is_sent(window: OpenWindow, reader: Any) -> None:
    seen = window()
    ask(seen)
    seen.open(newest_link())
    field, button = seen.page.get_by_label("New password", exact=True), seen.page.locator("[data-password] button")
    field.fill("12345")
    button.click()
    assert field.get_attribute("type") == "text"
    assert button.get_attribute("aria-label") == "Hide password"
    assert seen.page.get_by_role("status").text_content() == "Your password is shown."
    seen.page.evaluate("document.querySelector('form').addEventListener('submit', event => event.preventDefault())")
    field.press("Enter")
    assert field.get_attribute("type") == "password"


@with_and_without_script
def test_the_errors_have_the_focus_and_lead_to_their_field(window: OpenWindow, reader: Any, script: bool) -> None:
    seen = window(script=script)
    ask(seen)
    seen.open(newest_link())
    seen.page.locator("input[type=password]").first.fill("12345")
    seen.press("Save new password")
    seen.page.locator("[data-error-summary]:focus").wait_for()
    described = seen.page.locator("#id_new_password1").get_attribute("aria-describedby") or ""
    assert described.split() == ["password-rules", "id_new_password1_error"]
    for part in described.split():
        assert seen.page.locator(f"#{part}").is_visible()
    assert seen.page.locator("#id_new_password1").get_attribute("aria-invalid") == "true"
    seen.page.locator("[data-error-summary] a").first.click()
    assert seen.page.locator("#id_new_password1:focus").count() == 1
    assert "12345" not in seen.page.content()


def test_a_second_tap_does_not_ask_twice(window: OpenWindow, reader: Any) -> None:
    seen = window()
    seen.open("/recovery/forgot/")
    seen.page.get_by_label("Email address or user name").fill("amelie")
    with seen.page.expect_navigation():
        seen.page.evaluate("const form = document.querySelector('form'); form.requestSubmit(); form.requestSubmit()")
    assert seen.heading == "Check your mail"
    assert ResetRequest.objects.count() == 1


def test_a_page_that_comes_back_with_the_back_button_can_be_sent_again(window: OpenWindow, reader: Any) -> None:
    seen = window()
    ask(seen)
    seen.page.go_back()
    seen.page.get_by_label("Email address or user name").fill("amelie@example.com")
    seen.press("Send me a link")
    assert seen.heading == "Check your mail"
    assert ResetRequest.objects.count() == 2


@pytest.mark.parametrize("path", ["/recovery/forgot/", "/recovery/sent/7KQ4-M9XD/", "/recovery/reset/a/"])
def test_the_keyboard_reaches_everything_that_can_be_used_in_the_order_of_the_page(
    window: OpenWindow, path: str
) -> None:
    seen = window()
    seen.open(path)
    seen.page.evaluate("document.body.tabIndex = -1; document.body.focus()")  # the field has the focus on arrival
    wanted = seen.page.evaluate(
        "[...document.querySelectorAll('a, button, input:not([type=hidden]):not([tabindex])')].map(e => e.outerHTML)"
    )
    reached = []
    for _ in wanted:
        seen.page.keyboard.press("Tab")
        reached.append(seen.page.evaluate("document.activeElement.outerHTML"))
        assert seen.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached == wanted
