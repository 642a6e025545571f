"""The pages of "this was not me" in every light, and a robot with a browser that presses all it finds on them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail

from recovery import notices, resets, sweep
from recovery.models import Objection, Rotation
from tests.browser.conftest import OpenWindow, Window
from tests.browser.test_pages import faults_in_every_light, with_and_without_script
from tests.objecting import THIEF, code_in


def amelie() -> Any:
    return get_user_model().objects.get(username="amelie")


def link_in_mail(number: int = -1) -> str:
    sweep.sweep()
    [link] = [line for line in str(mail.outbox[number].body).splitlines() if "/not-me/" in line]
    return link


def type_code(window: Window, code: str) -> None:
    window.field("Code from the mail").fill(code)
    window.press("End all access")


def at_form(window: Window) -> None:
    notices.new_device(amelie(), origin=THIEF)
    window.open(link_in_mail())
    assert window.says("sign-in from a new device")


def at_form_of_an_address(window: Window) -> None:
    user = amelie()
    resets.address_changed(user, old=user.email, new="thief@example.net", origin=THIEF)
    sweep.sweep()
    window.open(next(link_in_mail(n) for n, message in enumerate(mail.outbox) if message.to == [user.email]))
    assert window.says("Nobody gets a link for a new password before the support team has looked at it.")


def at_form_with_an_error(window: Window) -> None:
    at_form(window)
    window.press("End all access")
    assert window.says("Type the code of the mail.")


def at_form_with_a_wrong_code(window: Window) -> None:
    at_form(window)
    type_code(window, "12345678")
    assert window.says("That is not the code of this mail. Look at the mail whose link you opened.")


def at_done(window: Window) -> None:
    at_form(window)
    type_code(window, code_in(mail.outbox[-1]))


def at_used(window: Window) -> None:
    at_done(window)
    window.open(link_in_mail(0))


def at_forgotten(window: Window) -> None:
    at_form(window)
    window.context.clear_cookies(name="recovery_objection_token")
    window.page.reload()


def what_followed(end: str) -> Callable[[Window], None]:
    return lambda window: window.open(f"/recovery/not-me/done/?end={end}") and None


PAGES: dict[str, tuple[Callable[[Window], None], str]] = {
    "form": (at_form, "This was not me"),
    "form, of an address": (at_form_of_an_address, "This was not me"),
    "form, error": (at_form_with_an_error, "This was not me"),
    "form, wrong code": (at_form_with_a_wrong_code, "This was not me"),
    "done": (at_done, "All access ends now"),
    "used": (at_used, "This link does not work"),
    "forgotten": (at_forgotten, "Open the link in your mail once more"),
    "disputed": (what_followed("disputed"), "All access ends now"),
    "already": (what_followed("already"), "That was done already"),
    "escalated": (what_followed("escalated"), "The support team looks into it"),
}


@with_and_without_script
@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_sound_in_every_light(window: OpenWindow, reader: Any, name: str, script: bool) -> None:
    arrive, heading = PAGES[name]
    seen = window(script=script)
    arrive(seen)
    assert seen.heading == heading
    assert faults_in_every_light(seen) == {}


def test_the_focus_is_where_the_code_is_typed_and_a_telephone_shows_digits(window: OpenWindow, reader: Any) -> None:
    seen = window()
    at_form(seen)
    focused = seen.page.evaluate("document.activeElement.getAttributeNames().reduce((all, name) => "
                                 "({...all, [name]: document.activeElement.getAttribute(name)}), {})")  # fmt: skip
    assert (focused["autocomplete"], focused["inputmode"]) == ("one-time-code", "numeric")


@pytest.mark.attack(30, 79)
def test_a_robot_with_a_browser_that_presses_every_button_starts_nothing(window: OpenWindow, reader: Any) -> None:
    """As mail gateways do that open links in a real browser: empty, and with everything that it read on the page."""
    notices.new_device(reader, origin=THIEF)
    link, code = link_in_mail(), code_in(mail.outbox[-1])
    for filled in ("", "test", "12 34"):
        robot = window()
        robot.open(link)
        for button in range(robot.page.locator("button, input[type=submit]").count()):
            robot.open(link)
            for field in robot.page.locator("input:not([type=hidden])").all():
                field.fill(filled)
            robot.page.locator("button, input[type=submit]").nth(button).click()
            robot.page.wait_for_load_state()
    sweep.sweep()
    reader.refresh_from_db()
    assert reader.has_usable_password()
    assert not Rotation.objects.exists()
    assert Objection.objects.get().try_count == 0
    person = window()
    person.open(link)
    type_code(person, code)
    assert person.heading == "All access ends now"
