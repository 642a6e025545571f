"""How a window comes to each public page, in each of its states."""

from datetime import timedelta

from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from recovery import resets
from recovery.models import BackupAddress, ResetToken
from tests.browser.conftest import NEW_PASSWORD, Window, ask, newest_link
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
    window.field("New password", exact=True).fill("12345")
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
    window.field("Password", exact=True).fill("12345")
    window.press("Save password")


def choose_password(window: Window) -> None:
    for field in window.page.locator("input[type=password]").all():
        field.fill(NEW_PASSWORD)
    window.press("Save password")
    assert window.heading == window.worded("Your password is saved")


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
    window.field("Code").fill("00000000")
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
    assert window.says("Name or password is wrong. Check both, capital letters too, and try again.")


def at_sign_in_with_a_wait(window: Window) -> None:
    fail("amelie", 4)
    at_sign_in(window)
    guess(window)
    assert window.page.locator("[role=alert] h2").inner_text() == window.worded("Too many tries")
    [complaint] = window.complaints  # the browser writes down what is answered with 429
    assert "429" in complaint
    window.complaints.clear()


def guess(window: Window) -> None:
    window.page.locator("#id_username").fill("amelie")
    window.page.locator("input[type=password]").fill("a guess")
    window.press("Sign in")


def set_password(window: Window) -> None:
    for field in window.page.locator("input[type=password]").all():
        field.fill(NEW_PASSWORD)
    window.press("Save new password")
    assert window.heading == window.worded("Your new password is saved")
