"""A site puts our pages into the frame of its own: one file of five lines, as docs/templates.md shows it."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

import recovery
from tests.asking import ask, browser, follow, links, set_password, work
from tests.factories import UserFactory

TOLD = (Path(__file__).resolve().parent.parent / "docs" / "templates.md").read_text()
PAGES = Path(recovery.__file__).parent / "templates" / "recovery"
PARTS = {"base.html", "form_errors.html"}
FRAME = "<html><title>{% block title %}{% endblock %}</title><nav>Ours</nav>{% block main %}{% endblock %}</html>"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _frame(settings: Any, tmp_path: Path) -> None:
    [shown] = re.findall(r"```django\n(.*?)```", TOLD, re.DOTALL)
    (tmp_path / "recovery").mkdir()
    (tmp_path / "recovery" / "base.html").write_text(shown)
    (tmp_path / "base.html").write_text(FRAME)
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "DIRS": [tmp_path, *engine.get("DIRS", [])]}]


def test_every_page_on_the_way_stands_in_the_sites_frame(mailoutbox: list[Any]) -> None:
    user: Any = UserFactory()
    reader = browser()
    sent = ask(reader, user.email).headers["Location"]
    work()
    [link] = links(mailoutbox[0])
    form = follow(reader, link)
    shown = [reader.get(reverse("recovery:forgot")), reader.get(sent), reader.get(form)]
    done = set_password(reader, form)
    shown += [reader.get(done.headers["Location"]), browser().get(link, follow=True)]
    for page in shown:
        text = page.content.decode()
        assert "<nav>Ours</nav>" in text
        assert re.search(r"<title>[^<]+</title>", text)
        assert text.count("<h1>") == 1
        assert re.search(r"<h1>[^<]+</h1>\s*<\w+", text)
        assert "recovery/recovery.css" in text


def test_no_page_has_another_frame() -> None:
    pages = [path for path in PAGES.glob("*.html") if path.name not in PARTS]
    assert len(pages) > 10
    for path in pages:
        assert re.match(r'{% extends .*"recovery/base.html" %}', path.read_text()), path.name


@pytest.mark.parametrize("part", ["html", "txt"])
def test_every_mail_stands_in_the_frame_that_its_door_has_for_mail(part: str) -> None:
    framed = [path for path in (PAGES / "mail").glob(f"*.{part}") if "{% extends" in path.read_text()]
    assert len(framed) > 10
    for path in framed:
        assert f'{{% extends base_template|default:"recovery/mail/base.{part}" %}}' in path.read_text(), path.name
