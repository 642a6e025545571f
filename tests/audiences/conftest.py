"""The site of ``site``, for every test here."""

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.audiences import site


@pytest.fixture(autouse=True)
def a_site_with_several_doors(settings: Any) -> None:
    settings.ROOT_URLCONF = site.__name__
    settings.ALLOWED_HOSTS = [*site.HOSTS, "testserver"]
    settings.LANGUAGE_CODE = "en"
    templates = copy.deepcopy(settings.TEMPLATES)
    templates[0]["DIRS"] = [*templates[0].get("DIRS", []), Path(site.__file__).parent / "templates"]
    settings.TEMPLATES = templates
    settings.RECOVERY = {
        **settings.RECOVERY,
        "BASE_URL": "https://library.example",
        "SITE_NAME": "The Library",
        "SUPPORT_CONTACT": "help@library.example",
        "FROM_EMAIL": "desk@library.example",
        "AUDIENCES": site.DOORS,
    }
