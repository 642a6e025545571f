"""A Chromium from the system, and windows that write down what a person does not see: requests and complaints."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core import mail
from django.utils import translation
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Response, sync_playwright

from example_project import servers
from recovery import resets
from recovery.models import ResetRequest
from tests.browser.unfolding import Unfolded, running_in_unfold
from tests.factories import UserFactory

NAMES = ("chromium", "chromium-browser", "google-chrome")
OFF = (
    # What a browser shows round the page costs more than most pages of ours, once for each profile, and nobody sees it.
    "WebUIOmniboxPopup WebUIOmniboxAimPopup SpareRendererForSitePerProcess "
    # The last list of these counts, and playwright gives one too: this is what stands there.
    "AvoidCorsURLLoaderRestartOnRedirect AvoidUnnecessaryBeforeUnloadCheckSync DestroyProfileOnBrowserClose "
    "HttpsUpgrades HttpsFirstBalancedModeAutoEnable LensOverlay MediaRouter PaintHolding PreconnectToSearch AimEnabled "
    "ThirdPartyStoragePartitioning OptimizationHints NetworkTimeServiceQuerying TcpPortRandomizationWin"
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    f"--disable-features={OFF.replace(' ', ',')}",
]
AXE = {"resultTypes": ["violations", "incomplete"]}
NAMING = {"aria-allowed-attr", "aria-prohibited-attr", "aria-valid-attr-value"}
"""Rules whose doubts count as faults: axe is not sure of a name that no screen reader has to read."""
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
NEW_PASSWORD = "a heron over the quiet reeds"

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1000, "height": 760}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1000, "height": 760}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 320, "height": 640}},
}


@pytest.fixture(scope="package", autouse=True)
def _async_unsafe() -> Iterator[None]:
    """playwright's sync API leaves an event loop running in this thread, and Django's ORM refuses beside one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@pytest.fixture(scope="package")
def chromium(_async_unsafe: None) -> Iterator[Browser]:
    """One browser for the package. Skipped where there is none; conftest.py above turns the skip to a failure in CI."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("There is no Chromium on PATH (Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Window:
    """One page of one browser profile, and everything it asked for or complained of."""

    page: Page
    context: BrowserContext
    base: str
    judge: Page | None = None
    """Where axe, which is a script, judges a page of a window without script."""
    language: str = "en"
    requests: list[Request] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # playwright marks the functions it is given, and a list's own cannot be marked.
        self.context.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108
        self.context.on("response", lambda response: self.responses.append(response))  # noqa: PLW0108
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path: str) -> Response:
        response = self.page.goto(self.base + path if path.startswith("/") else path)
        assert response is not None
        self._arrive()
        return response

    def _arrive(self) -> None:
        """Let the browser put the cursor where the page wants it: it complains of who types before that."""
        if self.page.locator("[autofocus]").count():
            self.page.locator("[autofocus]:focus").first.wait_for(state="attached")

    def wear(self, look: str) -> None:
        """Change scheme and size under the page as it stands, at once: axe would err half-way between two colours."""
        for page in filter(None, (self.page, self.judge)):
            page.emulate_media(color_scheme=LOOKS[look]["color_scheme"], reduced_motion="reduce")
            page.set_viewport_size(LOOKS[look]["viewport"])
            page.evaluate("() => Promise.all(document.getAnimations().map((each) => each.finished))")

    def press(self, name: str) -> None:
        """Press the button or follow the link with these words, and wait for the page it leads to."""
        with self.page.expect_navigation():
            self.page.locator("button, a").filter(has_text=self.worded(name)).first.click()
        self._arrive()

    def worded(self, text: str) -> str:
        """A text of the app in the language of this window."""
        with translation.override(self.language):
            return translation.gettext(text)

    def field(self, label: str, *, exact: bool = False) -> Locator:
        return self.page.get_by_label(self.worded(label), exact=exact)

    def says(self, text: str) -> bool:
        return self.worded(text) in self.page.locator("main").inner_text()

    @property
    def heading(self) -> str:
        return self.page.locator("h1").inner_text().replace("\n", " ")

    def faults(self, *, axe: bool = True) -> list[str]:
        """What is wrong with the page as it stands, and with everything that was loaded since the window opened."""
        found = [f"console: {text}" for text in self.complaints]
        found += [f"request to {r.url}" for r in self.requests if not r.url.startswith(f"{self.base}/")]
        ours = tuple(f"{self.base}{path}" for path in ("/recovery/", "/accounts/login/"))
        pages = [r for r in self.responses if r.request.resource_type == "document" and r.url.startswith(ours)]
        found += [f"without its policy: {r.url}" for r in pages if r.headers.get("content-security-policy") != POLICY]
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found += [f"{wide} px wider than the window"] if wide > 0 else []
        if not axe:
            return found
        told = Axe().run(self._page_for_axe(), options=AXE).response
        rules = told["violations"] + [rule for rule in told["incomplete"] if rule["id"] in NAMING]
        return found + [f"{rule['id']}: {[node['html'] for node in rule['nodes']]}" for rule in rules]

    def _page_for_axe(self) -> Page:
        if self.judge is None:
            return self.page
        html = re.sub(r"</?noscript>|<script.*?</script>", "", self.page.content())
        # Script would leave one of the two words; without it the pair is what password managers need.
        html = html.replace('"username email"', '"username"')
        self.judge.route(self.page.url, lambda route: route.fulfill(body=html, content_type="text/html"))
        self.judge.goto(self.page.url)
        return self.judge


OpenWindow = Callable[..., Window]


@pytest.fixture
def site(live_server: Any, settings: Any) -> str:
    """The running site, which is also where the links in its mails lead. Nobody has to wait or is asking too often."""
    settings.RECOVERY = {
        **settings.RECOVERY,
        "BASE_URL": live_server.url,
        "COOLDOWN": timedelta(0),
        "REQUEST_LIMITS": {name: (1000, timedelta(hours=1)) for name in ("address", "account", "source")},
    }
    return str(live_server.url)


@pytest.fixture(scope="package")
def unfold_process(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unfolded]:
    """One for the package: it takes seconds to start."""
    pytest.importorskip("unfold")
    yield from running_in_unfold(tmp_path_factory.mktemp("unfold") / "recovery.json")


@pytest.fixture
def unfolded(unfold_process: Unfolded, transactional_db: None) -> Iterator[Unfolded]:
    """The site under unfold, on the rows of this test."""
    yield unfold_process
    unfold_process.follow()


@pytest.fixture
def window(chromium: Browser, site: str) -> Iterator[OpenWindow]:
    """Opens windows, each with a profile of its own, and closes them afterwards."""
    contexts: list[BrowserContext] = []

    def fresh(**options: Any) -> BrowserContext:
        contexts.append(chromium.new_context(**{"locale": "en-GB", **options}))
        contexts[-1].set_default_timeout(120_000)  # for a machine that stands still meanwhile; nobody waits for it else
        return contexts[-1]

    def opened(*, script: bool = True, language: str = "en", **options: Any) -> Window:
        locale = "en-GB" if language == "en" else language
        context = fresh(java_script_enabled=script, **{**LOOKS["light"], "locale": locale, **options})
        return Window(context.new_page(), context, site, None if script else fresh().new_page(), language)

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Where pictures go: a folder of the test, or with ``RECOVERY_SCREENSHOTS=1`` in the environment the README's."""
    return servers.ROOT / "docs" / "images" if os.environ.get("RECOVERY_SCREENSHOTS") else tmp_path


@pytest.fixture
def reader() -> Any:
    """Somebody who forgot the password."""
    return UserFactory.create(username="amelie", email="amelie@example.com")


def work() -> None:
    """Do what the worker does with the requests that are waiting."""
    for request in ResetRequest.objects.filter(outcome="received"):
        resets.fulfil(request.pk)


def newest_link() -> str:
    """The link of the newest mail."""
    work()
    [link] = [line for line in str(mail.outbox[-1].body).splitlines() if "/reset/" in line or "/activate/" in line]
    return link


def ask(window: Window, identifier: str = "amelie") -> None:
    """From the forgot page to "check your mail"."""
    window.open("/recovery/forgot/")
    window.field("Email address or user name").fill(identifier)
    window.press("Send me a link")
    assert window.heading == window.worded("Check your mail")
