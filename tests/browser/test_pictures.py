"""
The pictures of the README, taken at each run so that taking them cannot rot.

They go to a folder of the test. With ``RECOVERY_SCREENSHOTS=1`` in the environment they go to ``docs/images``.
"""

from base64 import b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from recovery import delivery, level, outbox
from recovery.models import Email, Heartbeat, ResetRequest, RouteState
from recovery.reasons import EmailReason, MailLevel
from tests.browser.conftest import NEW_PASSWORD, OpenWindow, Window, ask, newest_link, work
from tests.factories import PASSWORD, StaffFactory
from tests.following import provider
from tests.signing_in import locked

ROOT = Path(__file__).parents[2]


def test_the_pictures_of_the_readme_can_be_taken(window: OpenWindow, reader: Any, album: Path) -> None:
    seen = window(viewport={"width": 660, "height": 400}, device_scale_factor=1.5)

    def take(name: str, scheme: Any = "light") -> None:
        seen.page.emulate_media(color_scheme=scheme)
        seen.page.screenshot(path=album / f"{name}.png", full_page=True, animations="disabled", caret="hide")

    seen.open("/recovery/forgot/")
    take("forgot")
    ask(seen)
    seen.page.evaluate("document.querySelector('.code').textContent = '7KQ4-M9XD'")  # the same in every picture
    take("sent")
    take("sent_dark", "dark")
    seen.open(newest_link())
    take("set_password")
    locked("amelie")
    seen.open("/accounts/login/")
    seen.page.get_by_label("Username").fill("amelie")
    seen.page.locator("input[type=password]").fill("a guess")
    seen.press("Sign in")
    take("sign_in_wait")
    seen.page.goto("about:blank")  # what is set into a page lives under its policy, which lets a mail's styles not in
    seen.complaints.clear()
    seen.page.set_content((ROOT / "tests" / "golden" / "reset.html").read_text(encoding="utf-8"))
    take("mail")
    take("mail_dark", "dark")
    assert seen.complaints == []

    names = {picture.stem for picture in album.iterdir()}
    assert names >= {"forgot", "sent", "sent_dark", "set_password", "sign_in_wait", "mail", "mail_dark"}


def report_delivery(client: Client) -> None:
    """Say as Postmark that the newest mail was delivered."""
    email = Email.objects.get(kind="reset")
    report = {
        "RecordType": "Delivery",
        "Recipient": email.recipient,
        "DeliveredAt": timezone.now().isoformat(),
        "Details": "250 2.0.0 OK",
        "MessageID": "a1b2c3d4",
        "Metadata": {"recovery_email_id": str(email.pk)},
    }
    secret = f"Basic {b64encode(b'provider:secret').decode()}"
    url = "/recovery/webhooks/postmark/"
    response = client.post(url, report, content_type="application/json", headers={"Authorization": secret})
    assert response.status_code == 200


def as_staff(window: OpenWindow, path: str) -> Window:
    """A window of somebody with all rights, at this page of the admin."""
    staff = StaffFactory.create(is_superuser=True, username="morgan")
    for part in ("sweep", "worker:one@mail"):
        Heartbeat.objects.create(name=part, part=part.partition(":")[0], beat_at=Now())
    seen = window(viewport={"width": 1240, "height": 560}, device_scale_factor=1.5)
    seen.open(f"/admin/login/?next={path}")
    seen.page.get_by_label("Username").fill(staff.username)
    seen.page.get_by_label("Password").fill(PASSWORD)
    seen.page.locator("[type=submit]").first.click()
    return seen


def state_why(seen: Window, reason: str, button: str) -> None:
    """Fill in the reason and press the button of a page that asks for it."""
    seen.page.get_by_label("Reason").fill(reason)
    with seen.page.expect_navigation():
        seen.page.locator(f"#content-main [type=submit][value='{button}']").click()


def test_the_timeline_of_a_mail_that_staff_retried_can_be_shown(
    window: OpenWindow, reader: Any, album: Path, settings: Any
) -> None:
    ask(window())
    with provider("tests.backends.Unreachable", settings):
        work()
    email = Email.objects.get(kind="reset")
    seen = as_staff(window, f"/admin/recovery/email/{email.pk}/change/")
    seen.press("Retry now")
    state_why(seen, "asked by phone, ticket 4711", "Retry now")
    delivery.deliver(email.pk)
    seen.open(f"/admin/recovery/email/{email.pk}/change/")
    timeline = seen.page.locator(".recovery-timeline")
    timeline.screenshot(path=album / "retried_mail.png", animations="disabled")
    told = [words.split()[0] for words in timeline.locator("tbody td:nth-child(3) strong").all_inner_texts()]
    assert told == ["queued", "sending", "deferred", "retried", "sending", "handed"]
    assert "morgan" in timeline.inner_text()
    assert "ticket 4711" in timeline.inner_text()


def test_a_route_that_is_switched_off_can_be_shown(window: OpenWindow, album: Path, settings: Any) -> None:
    backend = "django.core.mail.backends.locmem.EmailBackend"
    ways = [{"NAME": name, "BACKEND": backend} for name in ("relay", "postmark")]
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": ways}
    seen = as_staff(window, "/admin/recovery/routestate/")
    RouteState.objects.update(last_success_at=Now() - timedelta(minutes=2))
    seen.press("relay")
    seen.press("Switch off")
    state_why(seen, "relay swallows mail, ticket 4712", "Switch off")
    seen.open("/admin/recovery/routestate/")
    seen.page.screenshot(path=album / "route_off.png", animations="disabled")
    assert "switched off relay swallows mail" in seen.page.locator("#result_list").inner_text()
    assert "Route “relay”: switched off" in seen.page.locator(".recovery-status").inner_text()


def test_the_level_at_which_no_mail_leaves_can_be_shown(window: OpenWindow, album: Path) -> None:
    seen = as_staff(window, "/admin/recovery/levelswitch/")
    seen.press("Change the level")
    seen.page.get_by_label("none").check()
    state_why(seen, "restored from a backup: no mail until the data is checked", "Change the level")
    outbox.queue("password_changed", ["ada@example.com"], held=EmailReason.LEVEL_NONE)
    seen.open("/admin/recovery/levelswitch/")
    seen.page.screenshot(path=album / "level_none.png", animations="disabled")
    assert level.current() == MailLevel.NONE
    assert "1 that would still help if released" in seen.page.locator(".recovery-level").inner_text()
    assert "Mail level “none”: no mail leaves." in seen.page.locator(".recovery-status").inner_text()


def test_the_timeline_of_a_request_can_be_shown(window: OpenWindow, reader: Any, album: Path, client: Client) -> None:
    person = window()
    ask(person)
    link = newest_link()
    report_delivery(client)
    person.open(link)
    person.page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    person.press("Save new password")

    seen = as_staff(window, f"/admin/recovery/resetrequest/{ResetRequest.objects.get().pk}/change/")
    timeline = seen.page.locator(".recovery-timeline")
    timeline.screenshot(path=album / "timeline.png", animations="disabled")

    told = [words.split()[0] for words in timeline.locator("tbody td:nth-child(3) strong").all_inner_texts()]
    way = ["requested", "decided", "queued", "handed", "delivered", "opened", "completed"]
    assert [word for word in told if word in way][: len(way)] == way
