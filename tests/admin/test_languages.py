"""Every page of the admin renders in every language, and runs its own way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

import recovery
from tests.admin.scene import Scene, set_up
from tests.admin.staff import superuser
from tests.admin.test_matrix import addresses, who_opens
from tests.provider_lists.standins import Postmark, listening

pytestmark = pytest.mark.django_db

LANGUAGES = sorted(folder.name for folder in (Path(recovery.__file__).parent / "locale").iterdir())


@pytest.fixture
def scene(settings: Any) -> Iterator[Scene]:
    with listening(Postmark()) as provider:
        yield set_up(settings, provider)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_of_the_admin_renders_in_every_language(scene: Scene, language: str) -> None:
    client = superuser()
    way = "rtl" if translation.get_language_info(language)["bidi"] else "ltr"
    shown = {
        name: path for name, path in addresses(scene).items() if "U" in who_opens(name) and not name.endswith("_export")
    }
    assert len(shown) > 50
    for name, path in shown.items():
        answer = client.get(path, HTTP_ACCEPT_LANGUAGE=language, follow=True)
        assert answer.status_code == 200, (name, path)
        if answer.headers["Content-Type"].startswith("text/html") and not name.endswith("preview_html"):
            assert f'lang="{language}"' in answer.content.decode(), name
            assert f'dir="{way}"' in answer.content.decode(), name
