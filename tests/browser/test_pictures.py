"""
The pictures of the README, taken at each run so that taking them cannot rot.

They go to a folder of the test. With ``RECOVERY_SCREENSHOTS=1`` in the environment they go to ``docs/images``.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import OpenWindow, ask, newest_link

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
