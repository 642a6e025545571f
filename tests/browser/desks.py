"""Somebody with all rights in Django's admin or in unfold, under a policy that lets in this site's own files alone; and
what is wrong with our part of the page that they see. What is wrong with a public page, ``conftest`` says."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.conftest import AXE, LOOKS, Window
from tests.factories import PASSWORD, StaffFactory

CONTENT = {"include": [["#content-main"]], "exclude": [["#changelist-search"]]}
"""The search box of a list is Django's own, whose label is a picture."""
WIDEST = """[...document.querySelectorAll("body *")]
    .filter((each) => !each.closest("section.module"))
    .filter((each) => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .slice(-6).map((each) => `${each.tagName}.${each.className}`)"""
LISTEN = """addEventListener("securitypolicyviolation", (told) => {
    const place = told.composedPath()[0];
    window.policyRefused({
        what: `${told.effectiveDirective} ${told.blockedURI}`, by: told.sourceFile, at: place.id || place.nodeName,
    });
}, true);"""
STYLE_OF_UNFOLD = "unfold-theme-colors"
LONG = "Wiederherstellungszustellbarkeitsbescheinigung"
WORDS = "#content-main dd, #content-main > p, .recovery-act, .recovery-asked, .object-tools a, .help"
FOCUSED = "(place, now = document.activeElement) => [now.matches(place), now.matches('.skip-to-content-link')]"
MOST_PRESSES = 150
"""Of the Tab key, from one end of a page to the other."""


def faults(page: Page) -> list[str]:
    """What axe finds in our own part of the page, and whether that is wider than the window."""
    told = Axe().run(page, context=CONTENT, options=AXE).response["violations"]
    return [f"{rule['id']}: {[node['html'] for node in rule['nodes']]}" for rule in told] + too_wide(page)


def too_wide(page: Page) -> list[str]:
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{wide} px wider than the window, by {page.evaluate(WIDEST)}"] if wide > 0 else []


def is_theirs(refusal: dict[str, str]) -> bool:
    """Whether unfold did what the policy refuses: a file of unfold's own, or the one style that it writes into each
    page. All else is ours, wherever on the page it stands."""
    by_its_file = urlsplit(refusal["by"]).path.startswith("/static/unfold/")
    return by_its_file or refusal["at"] == STYLE_OF_UNFOLD


@dataclass
class Desk:
    """What the browser complains of and what its policy refuses is written down as it happens."""

    window: Window
    is_unfold: bool = False
    refused: list[dict[str, str]] = field(default_factory=list)

    @property
    def page(self) -> Page:
        return self.window.page

    def open(self, path: str) -> None:
        answer = self.page.goto(self.window.base + path)
        assert answer is not None
        assert answer.status == 200, path

    def speak(self, language: str) -> None:
        """From the next page on."""
        self.window.context.add_cookies([{"name": "django_language", "value": language, "url": self.window.base}])

    def speaks(self) -> tuple[str | None, str | None]:
        """Language and direction of this page."""
        root = self.page.locator("html")
        return root.get_attribute("lang"), root.get_attribute("dir")

    def path(self) -> str:
        return urlsplit(self.page.url).path

    def complaints(self) -> list[str]:
        """Since it was asked last. What a policy that only reports wrote to the console is judged by who did it."""
        self.page.evaluate("document.body.offsetTop")  # whatever the page was still to tell comes before this answer
        said = [text for text in self.window.complaints if "policy is report-only" not in text]
        said += [f"policy: {refusal}" for refusal in self.refused if not is_theirs(refusal)]
        elsewhere = [r.url for r in self.window.requests if not r.url.startswith((self.window.base, "data:"))]
        said += [f"request to {url}" for url in elsewhere]
        self.forget()
        return said

    def forget(self) -> None:
        for heard in (self.window.complaints, self.refused, self.window.requests):
            heard.clear()

    def faults(self) -> list[str]:
        """Of the page as it stands, in its content; and all complaints, but for those of axe itself."""
        found = [*self.complaints(), *faults(self.page)]
        self.forget()
        return found

    def tab_to(self, place: str, key: str = "Tab") -> None:
        """Without a pointer, however long that takes; past the menus where Django's own admin offers to skip them."""
        for _press in range(MOST_PRESSES):
            is_there, may_skip = self.page.evaluate(FOCUSED, place)
            if is_there:
                return
            self.page.keyboard.press("Enter" if may_skip and key == "Tab" else key)
        raise AssertionError(f"{key} does not lead to {place}")

    def press(self, place: str) -> None:
        """Reach the button or link by Tab, and have it lead on."""
        self.tab_to(place)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def speak_at_length(self) -> None:
        """Whatever the page says, in longer words."""
        self.page.evaluate(
            "([places, word]) => document.querySelectorAll(places).forEach((each) => each.textContent = word)",
            [WORDS, f"{LONG} {LONG}{LONG}"],
        )


def sat_down(browser: Browser, base: str, path: str, *, is_unfold: bool = False) -> Iterator[Desk]:
    """Morgan, who has all rights, at this page."""
    StaffFactory.create(is_superuser=True, username="morgan")
    context: Any = browser.new_context(locale="en-GB", **LOOKS["light"])
    desk = Desk(Window(context.new_page(), context, base), is_unfold)
    context.expose_binding("policyRefused", lambda _source, refusal: desk.refused.append(refusal))
    context.add_init_script(LISTEN)
    desk.open(f"/admin/login/?next={path}")
    desk.page.locator("[name=username]").fill("morgan")
    desk.page.locator("[name=password]").fill(PASSWORD)
    with desk.page.expect_navigation():
        desk.page.locator("[type=submit]").first.click()
    desk.forget()
    yield desk
    context.close()
