"""
The pictures of the README, taken at each run so that taking them cannot rot.

They go to a folder of the test. With ``RECOVERY_SCREENSHOTS=1`` in the environment they go to ``docs/images``.
"""

import os
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from recovery.models import Email, ResetRequest
from tests.browser.conftest import NEW_PASSWORD, OpenWindow, ask, newest_link
from tests.factories import PASSWORD, StaffFactory

ROOT = Path(__file__).parents[2]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    return ROOT / "docs" / "images" if os.environ.get("RECOVERY_SCREENSHOTS") else tmp_path


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
    seen.page.set_content((ROOT / "tests" / "golden" / "reset.html").read_text(encoding="utf-8"))
    take("mail")
    take("mail_dark", "dark")

    names = {picture.stem for picture in album.iterdir()}
    assert names >= {"forgot", "sent", "sent_dark", "set_password", "mail", "mail_dark"}


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


def test_the_timeline_of_a_request_can_be_shown(window: OpenWindow, reader: Any, album: Path, client: Client) -> None:
    person = window()
    ask(person)
    link = newest_link()
    report_delivery(client)
    person.open(link)
    person.page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    person.press("Save new password")

    staff = StaffFactory.create(is_superuser=True)
    seen = window(viewport={"width": 1240, "height": 900}, device_scale_factor=1.5)
    seen.open(f"/admin/login/?next=/admin/recovery/resetrequest/{ResetRequest.objects.get().pk}/change/")
    seen.page.get_by_label("Username").fill(staff.username)
    seen.page.get_by_label("Password").fill(PASSWORD)
    seen.page.locator("[type=submit]").first.click()
    timeline = seen.page.locator(".recovery-timeline")
    timeline.screenshot(path=album / "timeline.png", animations="disabled")

    told = [words.split()[0] for words in timeline.locator("tbody td:nth-child(3) strong").all_inner_texts()]
    way = ["requested", "decided", "queued", "handed", "delivered", "opened", "completed"]
    assert [word for word in told if word in way][: len(way)] == way
