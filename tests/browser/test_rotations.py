"""A forced rotation in a real browser, from the list of people to the funnel: light, dark and narrow, with all rights
and with few."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import Permission
from django.core import mail

from recovery import feedback
from recovery.feedback import Report
from recovery.models import Email, Rotation
from recovery.reasons import EventKind
from tests.asking import set_password
from tests.browser.conftest import AXE, LOOKS, OpenWindow, Window
from tests.browser.test_pictures import as_staff, state_why
from tests.factories import PASSWORD, StaffFactory
from tests.following import opened
from tests.rotations.people import readers, work

PARTS = ("#content-main", ".recovery-funnel")


@pytest.fixture
def morgan(window: OpenWindow) -> Window:
    """Somebody with all rights, at the list of people."""
    return as_staff(window, "/admin/auth/user/?q=leaked")


def reported(people: list[Any], kind: EventKind) -> None:
    for email in Email.objects.filter(recipient__in=[user.email for user in people]):
        feedback.ingest([Report(esp="postmark", kind=kind, recipient=email.recipient, email_id=email.pk)])


def link_of(user: Any, site: str) -> str:
    message = next(each for each in mail.outbox if each.to == [user.email])
    return next(line.removeprefix(site) for line in str(message.body).splitlines() if "/reset/" in line)


def some_time_passes(people: list[Any], site: str) -> None:
    """Workers work, mail arrives or comes back, and some of the people do what the mail asks for."""
    work()
    reported(people[:20], EventKind.DELIVERED)
    reported(people[20:23], EventKind.BOUNCED)
    for number, user in enumerate(people[:9]):
        client, form = opened(link_of(user, site))
        if number < 4:
            assert set_password(client, form).status_code == 302


def is_sound(seen: Window) -> None:
    """No wider than the window, nothing from elsewhere, no complaint, and axe finds no fault with our part of it."""
    assert seen.faults(axe=False) == []
    for part in PARTS:
        if seen.page.locator(part).count():
            assert Axe().run(seen.page, context=part, options=AXE).response["violations"] == []


def test_staff_force_a_list_and_watch_how_far_everybody_is(
    morgan: Window, site: str, album: Path, settings: Any
) -> None:
    settings.RECOVERY["REQUEST_LIMITS"]["rotation"] = (20, timedelta(hours=1))
    people = [*readers(34), *readers(2, is_active=False)]
    morgan.open("/admin/auth/user/?q=leaked")
    morgan.page.locator("#action-toggle").check()
    morgan.page.locator("select[name=action]").select_option("force_rotations")
    with morgan.page.expect_navigation():
        morgan.page.locator("button[name=index]").click()
    assert morgan.heading == "Force 36 new passwords?"
    for look in LOOKS:
        morgan.wear(look)
        is_sound(morgan)
    morgan.wear("light")
    morgan.page.get_by_label("What is known").fill("dump of 2026-11-20, checked by Robin")
    state_why(morgan, "list of leaked passwords, ticket 4713", "Force new passwords")
    assert "New passwords are being forced for 36 people." in morgan.page.locator(".messagelist").inner_text()
    assert "waiting not started\t36" in morgan.page.locator(".recovery-funnel").inner_text()

    some_time_passes(people, site)
    morgan.page.reload()
    for look in LOOKS:
        morgan.wear(look)
        is_sound(morgan)
    morgan.wear("light")
    funnel = morgan.page.locator(".recovery-funnel")
    funnel.screenshot(path=album / "rotation.png", animations="disabled")
    numbers = [int(text) for text in funnel.locator("tbody tr:not(.recovery-why) td.recovery-span").all_inner_texts()]
    assert numbers == [0, 0, 11, 11, 5, 4, 3, 2]

    with morgan.page.expect_navigation():
        funnel.get_by_role("link", name="3").first.click()
    assert morgan.page.locator("#result_list tbody tr").count() == 3
    morgan.open(f"/admin/recovery/rotation/{Rotation.objects.get().pk}/change/")
    morgan.press("Send fresh links")
    is_sound(morgan)
    state_why(morgan, "addresses were corrected", "Send fresh links")
    assert "Fresh links are on their way to 3 people." in morgan.page.locator(".messagelist").inner_text()


def test_an_agent_with_few_rights_reads_the_numbers_and_is_offered_nothing(
    morgan: Window, window: OpenWindow, site: str, reader: Any
) -> None:
    agent: Any = StaffFactory.create(username="robin")
    agent.user_permissions.set(Permission.objects.filter(codename__in=["view_rotation", "view_user"]))
    morgan.open(f"/admin/auth/user/{reader.pk}/force-password/")
    state_why(morgan, "called from another phone", "Force a new password")
    path = f"/admin/recovery/rotation/{Rotation.objects.get().pk}/change/"

    seen = window()
    seen.open(f"/admin/login/?next={path}")
    seen.page.get_by_label("Username").fill("robin")
    seen.page.get_by_label("Password").fill(PASSWORD)
    seen.page.locator("[type=submit]").first.click()
    for look in LOOKS:
        seen.wear(look)
        is_sound(seen)
    assert "waiting not started\t1" in seen.page.locator(".recovery-funnel").inner_text()
    assert seen.page.locator(".recovery-funnel a, .object-tools a").count() == 0
    seen.open(f"/admin/auth/user/{reader.pk}/change/")
    assert "Force a new password" not in seen.page.content()
