"""Every public page, in every light: axe finds nothing, the console is silent, nothing is loaded from elsewhere."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.browser.conftest import LOOKS, OpenWindow, Window, ask
from tests.browser.places import (
    at_a_code,
    at_a_wrong_code,
    at_backup_addresses,
    at_backup_addresses_with_errors,
    at_complete,
    at_complete_by_backup,
    at_expired,
    at_first_password,
    at_first_password_expired,
    at_first_password_mangled,
    at_first_password_used,
    at_first_password_with_errors,
    at_forgot,
    at_forgot_with_an_error,
    at_forgotten,
    at_joined,
    at_mangled,
    at_removal,
    at_replaced,
    at_sent,
    at_sent_of_somebody_else,
    at_sent_with_a_hint,
    at_set_password,
    at_set_password_with_errors,
    at_sign_in,
    at_sign_in_with_a_wait,
    at_sign_in_with_a_wrong_password,
    at_sign_in_with_errors,
    at_used,
)

PAGES: dict[str, tuple[Callable[[Window], None], str]] = {
    "forgot": (at_forgot, "Forgot your password?"),
    "forgot, error": (at_forgot_with_an_error, "Forgot your password?"),
    "sent": (at_sent, "Check your mail"),
    "sent, hint": (at_sent_with_a_hint, "Check your mail"),
    "sent, another browser": (at_sent_of_somebody_else, "Check your mail"),
    "set password": (at_set_password, "Choose a new password"),
    "set password, errors": (at_set_password_with_errors, "Choose a new password"),
    "complete": (at_complete, "Your new password is saved"),
    "complete, by backup": (at_complete_by_backup, "Your new password is saved"),
    "used": (at_used, "This link was used already"),
    "replaced": (at_replaced, "There is a newer link"),
    "expired": (at_expired, "This link has expired"),
    "forgotten": (at_forgotten, "Open the link in your mail once more"),
    "first password": (at_first_password, "Choose your password"),
    "first password, errors": (at_first_password_with_errors, "Choose your password"),
    "joined": (at_joined, "Your password is saved"),
    "first password, used": (at_first_password_used, "This link was used already"),
    "first password, expired": (at_first_password_expired, "This link has expired"),
    "first password, mangled": (at_first_password_mangled, "This link does not work"),
    "mangled": (at_mangled, "This link does not work"),
    "backup addresses": (at_backup_addresses, "Backup addresses"),
    "backup addresses, errors": (at_backup_addresses_with_errors, "Backup addresses"),
    "code": (at_a_code, "Confirm your backup address"),
    "code, wrong": (at_a_wrong_code, "Confirm your backup address"),
    "removal": (at_removal, "Remove a backup address"),
    "sign in": (at_sign_in, "Sign in"),
    "sign in, errors": (at_sign_in_with_errors, "Sign in"),
    "sign in, wrong": (at_sign_in_with_a_wrong_password, "Sign in"),
    "sign in, wait": (at_sign_in_with_a_wait, "Sign in"),
}


def faults_in_every_light(window: Window) -> dict[str, list[str]]:
    """
    By look. axe need not judge each: a narrow page has the colours and words of a wide one, and without script it is
    the second field that is new.
    """
    faults = {}
    for look in ("narrow",) if window.judge else LOOKS:
        window.wear(look)
        if found := window.faults(axe=bool(window.judge) or look != "narrow"):
            faults[look] = found
    return faults


with_and_without_script = pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])


@with_and_without_script
@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_sound_in_every_light(window: OpenWindow, reader: Any, name: str, script: bool) -> None:
    arrive, heading = PAGES[name]
    seen = window(script=script)
    arrive(seen)
    assert seen.heading == heading
    assert faults_in_every_light(seen) == {}


@with_and_without_script
def test_the_page_is_sound_while_the_wait_counts_down(
    window: OpenWindow, reader: Any, settings: Any, script: bool
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "COOLDOWN": timedelta(seconds=60)}
    seen = window(script=script)
    ask(seen)
    assert "You can ask again in" in seen.page.locator("main").inner_text()
    assert faults_in_every_light(seen) == {}


@with_and_without_script
def test_what_axe_and_the_window_would_find_is_found(window: OpenWindow, script: bool) -> None:
    """The guard of the tests above: a page with faults has them reported."""
    body = (
        "<h1>No language</h1><input><b id=a>Name</b><p aria-labelledby=a>Named</p>"
        "<p style='width: 3000px; color: #aaa'>Wide and pale<img src='https://evil.example/'>"
    )
    seen = window(script=script)
    seen.context.route("**/faulty/", lambda route: route.fulfill(body=body, content_type="text/html"))
    seen.open("/recovery/faulty/")
    found = " ".join(seen.faults())
    for fault in (
        "html-has-lang",
        "aria-prohibited-attr",
        "label",
        "color-contrast",
        "wider than",
        "without its policy",
        "request to https://evil",
    ):
        assert fault in found
