"""Every public page in every language on the narrowest telephone: nothing sticks out, and each runs its own way."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import transaction
from django.db.models import QuerySet
from django.test.signals import template_rendered
from django.utils import translation

import recovery
from tests.browser import places, test_not_me
from tests.browser.conftest import LOOKS, OpenWindow, Window
from tests.factories import PASSWORD

APP = Path(recovery.__file__).parent
LANGUAGES = sorted(folder.name for folder in (APP / "locale").iterdir())
TEMPLATES = {f"recovery/{path.name}" for path in (APP / "templates" / "recovery").glob("*.html")}
PLACES: tuple[Callable[[Window], None], ...] = (
    places.at_forgot_with_an_error,
    places.at_sent,
    places.at_sent_with_a_hint,
    places.at_set_password_with_errors,
    places.at_complete_by_backup,
    places.at_expired,
    places.at_forgotten,
    places.at_first_password_with_errors,
    places.at_joined,
    places.at_first_password_mangled,
    places.at_backup_addresses_with_errors,
    places.at_a_wrong_code,
    places.at_removal,
    places.at_sign_in_with_a_wrong_password,
    places.at_sign_in_with_a_wait,
    test_not_me.at_form_with_a_wrong_code,
    test_not_me.at_form_of_an_address,
    test_not_me.at_done,
    test_not_me.at_used,
)
"""One state of each page, and that with the most words."""


@pytest.fixture
def rendered() -> Iterator[set[str]]:
    """The templates that the site, which runs in a thread of this process, has rendered."""
    names: set[str] = set()

    def note(template: Any, **_: Any) -> None:
        names.add(str(template.name))

    template_rendered.connect(note)
    yield names
    template_rendered.disconnect(note)


def anew(window: Window, reader: Any) -> None:
    """As if nobody had asked for anything yet."""
    window.context.clear_cookies()
    mail.outbox.clear()
    with transaction.atomic():
        for model in apps.get_app_config("recovery").get_models():
            QuerySet(model)._raw_delete("default")  # type: ignore[attr-defined]
    get_user_model().objects.exclude(pk=reader.pk).delete()
    reader.email = "amelie@example.com"
    reader.set_password(PASSWORD)
    reader.save()


@pytest.mark.slow
@pytest.mark.sqlite
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_fits_a_narrow_telephone_in_every_language(
    window: OpenWindow, reader: Any, rendered: set[str], language: str, album: Path
) -> None:
    seen = window(language=language, **LOOKS["narrow"])
    seen.page.set_default_timeout(20_000)
    way = "rtl" if translation.get_language_info(language)["bidi"] else "ltr"
    faults: dict[str, list[str]] = {}
    for arrive in PLACES:
        anew(seen, reader)
        arrive(seen)
        root = seen.page.locator("html")
        assert (root.get_attribute("lang"), root.get_attribute("dir")) == (language, way), arrive.__name__
        if found := seen.faults(axe=False):
            faults[arrive.__name__] = found
    assert faults == {}
    assert TEMPLATES - rendered == set()


@pytest.mark.sqlite
@pytest.mark.parametrize("language", ["en", "ar"])
def test_what_to_look_for_stands_in_one_column_and_the_sender_in_its_own_order(
    window: OpenWindow, reader: Any, language: str
) -> None:
    seen = window(language=language)
    places.at_sent(seen)
    told = seen.page.locator(".facts dd")
    columns = told.evaluate_all("all => all.map(each => Math.round(each.getBoundingClientRect().left))")
    assert len(columns) == 5
    assert len(set(columns)) == 1
    assert told.first.evaluate("each => getComputedStyle(each).unicodeBidi") == "plaintext"
