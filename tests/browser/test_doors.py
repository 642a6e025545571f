"""The pages of a door of its own, at a host of its own: with its name, in its language, and as sound as those of the
site's first door. Which page belongs to which door, ``tests/audiences`` says."""

from typing import Any

import pytest

from tests.browser import places
from tests.browser.conftest import OpenWindow
from tests.browser.test_pages import faults_in_every_light

NAME = "Universitätsbibliotheksbenutzerportal"
PLACES = (
    places.at_forgot_with_an_error,
    places.at_sent_with_a_hint,
    places.at_set_password_with_errors,
    places.at_used,
    places.at_sign_in_with_errors,
)


@pytest.mark.parametrize("language", ["de", "ar"])
def test_the_pages_of_a_door_are_its_own_and_sound_in_every_light(
    window: OpenWindow, site: str, reader: Any, settings: Any, language: str
) -> None:
    door = site.replace("localhost", "127.0.0.1")
    assert door != site
    portal = {"BASE_URL": door, "SITE_NAME": NAME, "LANGUAGE": language}
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": {"portal": portal}}
    way = "rtl" if language == "ar" else "ltr"
    seen = window(locale="en-GB", language=language)
    seen.base = door
    faults = {}
    for arrive in PLACES:
        arrive(seen)
        root = seen.page.locator("html")
        assert (root.get_attribute("lang"), root.get_attribute("dir")) == (language, way), arrive.__name__
        assert NAME in seen.page.title() + seen.page.locator("body").inner_text(), arrive.__name__
        if found := faults_in_every_light(seen):
            faults[arrive.__name__] = found
    assert faults == {}
