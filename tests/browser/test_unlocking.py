"""Lockouts and a corrected address in a real browser: light, dark and narrow, with all rights and with few."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from recovery.models import Lockout
from tests.browser.conftest import LOOKS, OpenWindow, Window
from tests.browser.test_pictures import as_staff, state_why
from tests.browser.test_rotations import is_sound
from tests.factories import PASSWORD, StaffFactory
from tests.signing_in import locked

LIST = "/admin/recovery/lockout/"
FEW = ("view_user", "view_lockout", "unlock")


def in_every_look(seen: Window) -> None:
    for look in LOOKS:
        seen.wear(look)
        is_sound(seen)
    seen.wear("light")


@pytest.fixture
def agent(window: OpenWindow) -> Window:
    """Somebody who may read people and lockouts, and unlock."""
    robin = StaffFactory.create(username="robin")
    robin.user_permissions.set(Permission.objects.filter(codename__in=FEW))
    seen = window()
    seen.open(f"/admin/login/?next={LIST}")
    seen.page.locator("#id_username").fill("robin")
    seen.page.locator("#id_password").fill(PASSWORD)
    with seen.page.expect_navigation():
        seen.page.locator("input[type=submit]").click()
    return seen


def test_an_agent_with_few_rights_finds_a_lockout_and_lifts_it(agent: Window, reader: Any, album: Path) -> None:
    locked("amelie")
    locked("a-name-of-nobody")
    agent.open(LIST)
    for look in ("dark", "narrow", "light"):
        agent.wear(look)
        assert agent.faults(axe=False) == []  # axe finds the search box of Django's own lists
    agent.page.screenshot(path=album / "lockouts.png", animations="disabled")
    assert "a-name-of-nobody" not in agent.page.content()

    agent.open(f"{LIST}{Lockout.objects.get(user_key=str(reader.pk)).pk}/change/")
    in_every_look(agent)
    agent.press("Unlock")
    assert agent.heading == "Lift this lockout?"
    in_every_look(agent)
    agent.page.screenshot(path=album / "unlock.png", animations="disabled")
    state_why(agent, "called back, ticket 4714", "Unlock")
    assert "1 lockout is lifted." in agent.page.locator(".messagelist").inner_text()
    assert "robin" in agent.page.locator("#content-main").inner_text()


def test_the_buttons_on_a_persons_page_lead_to_sound_pages(window: OpenWindow, reader: Any) -> None:
    locked("amelie")
    seen = as_staff(window, f"/admin/auth/user/{reader.pk}/change/")
    for button, heading in [
        ("Unlock", "Lift this lockout?"),
        ("Lock sign-in", "Refuse all sign-ins of this person?"),
        ("Correct address", "Correct the address?"),
    ]:
        seen.open(f"/admin/auth/user/{reader.pk}/change/")
        seen.press(button)
        assert seen.heading == heading
        in_every_look(seen)
