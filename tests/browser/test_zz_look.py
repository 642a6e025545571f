"""The dashboard in a real browser: in Django's own admin and in unfold, in every light, by keyboard, without script."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Browser, Page, Route

from example_project.servers.minded import free_port
from recovery import heartbeats
from recovery.reasons import EmailState, Part
from tests.browser.conftest import AXE, LOOKS, OpenWindow
from tests.conftest import database_url
from tests.factories import PASSWORD, StaffFactory
from tests.past import HOUR, Mail
from tests.rolled import whole

ROOT = Path(__file__).parents[2]
DASHBOARD = "/admin/recovery/rollup/"
POLICY = "default-src 'self'; style-src 'self'; img-src 'self' data:"


@pytest.fixture
def a_day_of_mail(transactional_db: None) -> None:
    """Of each kind something, so that every part of the page has something to show."""
    StaffFactory.create(is_superuser=True, username="morgan")
    for part in (Part.BEAT, Part.SWEEP):
        heartbeats.beat(part)
    now = timezone.now()
    for number in range(60):
        at = now - (1 + number % 20) * HOUR
        Mail(at=at, took=3 + number, used=40 if number % 2 else None, domain=f"d{number % 5}.example").write()
    for state in (EmailState.BOUNCED, EmailState.HANDED_OVER, EmailState.WITHHELD, EmailState.FAILED):
        Mail(at=now - 3 * HOUR, state=state, took=None).write()
    whole()


def sign_in(page: Page, base: str, query: str = "") -> None:
    page.goto(f"{base}/admin/login/?next={DASHBOARD}{query}")
    page.locator("[name=username]").fill("morgan")
    page.locator("[name=password]").fill(PASSWORD)
    with page.expect_navigation():
        page.locator("[type=submit]").first.click()
    assert page.url == f"{base}{DASHBOARD}{query}"


def faults(page: Page) -> list[str]:
    """What axe finds in our own part of the page, and whether that is wider than the window."""
    told = Axe().run(page, context="#content-main", options=AXE).response["violations"]
    return [f"{rule['id']}: {[node['html'] for node in rule['nodes']]}" for rule in told] + too_wide(page)


def too_wide(page: Page) -> list[str]:
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{wide} px wider than the window"] if wide > 0 else []


def strict(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": POLICY})



@pytest.mark.usefixtures("a_day_of_mail")
def test_look(window: OpenWindow) -> None:
    for name, more, look in (("light",{}, {"viewport":{"width":1180,"height":760}}),("dark",{}, {"color_scheme":"dark","viewport":{"width":1180,"height":760}}),("narrow",{},LOOKS["narrow"]),("noscript_dark_narrow",{"script":False},{**LOOKS["narrow"],"color_scheme":"dark"}),("mid",{}, {"viewport":{"width":760,"height":760}})):
        seen = window(**more, **look)
        sign_in(seen.page, seen.base, "?window=7d" if name!="light" else "")
        if name in ("mid","narrow"):
            seen.page.locator("summary").click()
        seen.page.screenshot(path=f"/tmp/numbers/pics/{name}.png", full_page=True, animations="disabled")


@pytest.fixture
def unfolded(a_day_of_mail: None) -> Iterator[str]:
    """The site under unfold, on the rows of this test, in a process of its own."""
    pytest.importorskip("unfold")
    port = free_port()
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.unfolded", "DATABASE_URL": database_url()}
    command = [sys.executable, "manage.py", "runserver", "--noreload", "--skip-checks", f"127.0.0.1:{port}"]
    environment["RECOVERY_NO_BOOTSTRAP"] = "1"
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        base = f"http://127.0.0.1:{port}"
        _wait_for(f"{base}/admin/login/", process)
        yield base
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=10).read()
        except OSError:
            assert process.poll() is None, "the site under unfold ended"
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return


def test_unfold(chromium: Browser, unfolded: str) -> None:
    for look in LOOKS:
        context: Any = chromium.new_context(locale="en-GB", **LOOKS[look])
        page = context.new_page()
        sign_in(page, unfolded, "?window=7d")
        page.screenshot(path=f"/tmp/numbers/pics/unfold_{look}.png", full_page=True, animations="disabled")
        context.close()
