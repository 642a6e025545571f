"""Every public page, in every light: axe finds nothing, the console is silent, nothing is loaded from elsewhere."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from recovery import resets
from recovery.models import BackupAddress, ResetToken
from tests.browser.conftest import LOOKS, NEW_PASSWORD, OpenWindow, Window, ask, newest_link
from tests.factories import UserFactory
from tests.ladder import fails, newest_reset
from tests.signing_in import fail


def at_forgot(window: Window) -> None:
    window.open("/recovery/forgot/")


def at_forgot_with_an_error(window: Window) -> None:
    window.open("/recovery/forgot/")
    window.press("Send me a link")


def at_sent(window: Window) -> None:
    ask(window)


def at_sent_with_a_hint(window: Window) -> None:
    ask(window, "amelie@gmial.com")


def at_sent_of_somebody_else(window: Window) -> None:
    window.open("/recovery/sent/7KQ4-M9XD/")


def at_set_password(window: Window) -> None:
    ask(window)
    window.open(newest_link())


def at_set_password_with_errors(window: Window) -> None:
    at_set_password(window)
    window.page.get_by_label("New password", exact=True).fill("12345")
    window.press("Save new password")


def at_complete(window: Window) -> None:
    at_set_password(window)
    set_password(window)


def at_complete_by_backup(window: Window) -> None:
    user = get_user_model().objects.get(username="amelie")
    long_ago = timezone.now() - timedelta(days=8)
    BackupAddress.objects.create(
        user_key=str(user.pk),
        address="spare@example.net",
        address_key="spare@example.net",
        confirmed_at=long_ago,
        code_until=long_ago,
    )
    ask(window)
    newest_link()
    fails(newest_reset())
    window.open(newest_link())
    set_password(window)
    assert window.page.locator("[data-main-address-failed]").is_visible()


def at_used(window: Window) -> None:
    ask(window)
    link = newest_link()
    window.open(link)
    set_password(window)
    window.open(link)


def at_replaced(window: Window) -> None:
    ask(window)
    older = newest_link()
    ask(window)
    assert newest_link() != older
    window.open(older)


def at_expired(window: Window) -> None:
    ask(window)
    link = newest_link()
    ResetToken.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    window.open(link)


def at_mangled(window: Window) -> None:
    ask(window)
    window.open(newest_link()[:-5])


def at_forgotten(window: Window) -> None:
    at_set_password(window)
    window.context.clear_cookies(name="recovery_token")
    window.page.reload()


def invited() -> str:
    """The link of somebody who has no password yet."""
    newcomer = UserFactory.create(username="newcomer", password=None)
    resets.activate(newcomer)
    return newest_link()


def at_first_password(window: Window) -> None:
    window.open(invited())


def at_first_password_with_errors(window: Window) -> None:
    at_first_password(window)
    window.page.get_by_label("Password", exact=True).fill("12345")
    window.press("Save password")


def choose_password(window: Window) -> None:
    for field in window.page.locator("input[type=password]").all():
        field.fill(NEW_PASSWORD)
    window.press("Save password")
    assert window.heading == "Your password is saved"


def at_joined(window: Window) -> None:
    at_first_password(window)
    choose_password(window)


def at_first_password_used(window: Window) -> None:
    link = invited()
    window.open(link)
    choose_password(window)
    window.open(link)


def at_first_password_expired(window: Window) -> None:
    link = invited()
    ResetToken.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    window.open(link)


def at_first_password_mangled(window: Window) -> None:
    window.open(invited()[:-5])


def signed_in(window: Window, path: str) -> None:
    client = Client()
    client.force_login(get_user_model().objects.get(username="amelie"))
    window.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": window.base}])
    window.open(path)


def at_backup_addresses(window: Window) -> None:
    user = get_user_model().objects.get(username="amelie")
    for number, moment in enumerate((None, timezone.now(), timezone.now() - timedelta(days=8))):
        BackupAddress.objects.create(
            user_key=str(user.pk),
            address=f"a-rather-long-backup-address-number-{number}@example.net",
            address_key=f"{number}",
            confirmed_at=moment,
            code_until=timezone.now(),
        )
    signed_in(window, "/recovery/backup-addresses/")


def at_backup_addresses_with_errors(window: Window) -> None:
    at_backup_addresses(window)
    window.press("Send me a code")


def at_a_code(window: Window) -> None:
    at_backup_addresses(window)
    window.press("Type the code")


def at_a_wrong_code(window: Window) -> None:
    at_a_code(window)
    window.page.get_by_label("Code").fill("00000000")
    window.press("Confirm")


def at_removal(window: Window) -> None:
    at_backup_addresses(window)
    window.press("Remove")


def at_sign_in(window: Window) -> None:
    window.open("/accounts/login/?next=/loans/")


def at_sign_in_with_errors(window: Window) -> None:
    at_sign_in(window)
    window.press("Sign in")


def at_sign_in_with_a_wrong_password(window: Window) -> None:
    at_sign_in(window)
    guess(window)
    assert "Name or password is wrong" in window.page.locator("main").inner_text()


def at_sign_in_with_a_wait(window: Window) -> None:
    fail("amelie", 4)
    at_sign_in(window)
    guess(window)
    assert "There were too many tries" in window.page.locator("[role=alert]").inner_text()
    [complaint] = window.complaints  # the browser writes down what is answered with 429
    assert "429" in complaint
    window.complaints.clear()


def guess(window: Window) -> None:
    window.page.get_by_label("Username").fill("amelie")
    window.page.locator("input[type=password]").fill("a guess")
    window.press("Sign in")


def set_password(window: Window) -> None:
    for field in window.page.locator("input[type=password]").all():
        field.fill(NEW_PASSWORD)
    window.press("Save new password")
    assert window.heading == "Your new password is saved"


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
