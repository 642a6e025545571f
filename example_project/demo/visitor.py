"""A person at a browser, without the browser: cookies, redirects, forms with hidden fields, the headers of a click.

The headers matter: a site that tells people from mail scanners looks at how a page was asked for.
"""

import re
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Self
from urllib.parse import urlencode, urljoin, urlsplit

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
CLICK = {
    "User-Agent": BROWSER,
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-GB,en;q=0.5",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-User": "?1",
}
PATIENCE = 30.0


class NotOffered(Exception):
    """The page has no such form or link; the message says which page and what was looked for."""


@dataclass
class Form:
    """A form as the page offers it: where it goes, and what it would send untouched."""

    action: str = ""
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.words: list[str] = []
        self._inside: Form | None = None
        self._skipping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._inside)
        elif tag in ("script", "style"):
            self._skipping += 1
        elif self._inside and tag in ("input", "textarea", "select", "button") and (name := given.get("name")):
            self._inside.names.add(name)
            if tag == "input" and given.get("type", "text") not in ("submit", "checkbox", "radio", "button"):
                self._inside.fields[name] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = None
        elif tag in ("script", "style"):
            self._skipping -= 1

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self.words.append(data)


@dataclass(frozen=True)
class Page:
    """What the visitor sees in the end, redirects followed."""

    url: str
    status: int
    html: str

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self._read().words)).strip()

    def form(self, *names: str) -> Form:
        """The first form that has fields of all these names."""
        for form in self._read().forms:
            if form.names >= set(names):
                return form
        raise NotOffered(f"{self.path} ({self.status}) has no form with {', '.join(names)}: {self.text[:200]}")

    def _read(self) -> _Reader:
        reader = _Reader()
        reader.feed(self.html)
        return reader


class Visitor:
    """One browser with its own cookies."""

    def __init__(self) -> None:
        # Browsers send Secure cookies to loopback addresses without TLS too.
        self._cookies = CookieJar(DefaultCookiePolicy(secure_protocols=("https", "http")))
        proxies = urllib.request.ProxyHandler({})
        self._opener = urllib.request.build_opener(proxies, urllib.request.HTTPCookieProcessor(self._cookies))

    @classmethod
    def at(cls, url: str) -> tuple[Self, Page]:
        """A new visitor, and the page they start on."""
        visitor = cls()
        return visitor, visitor.open(url)

    def open(self, url: str) -> Page:
        """Click a link, or type an address."""
        return self._ask(urllib.request.Request(url, headers=CLICK))  # noqa: S310

    def submit(self, page: Page, **typed: str) -> Page:
        """Fill in the form that has these fields, and send it."""
        form = page.form(*typed)
        target = urljoin(page.url, form.action or page.url)
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
        headers = {**CLICK, "Origin": origin, "Referer": page.url, "Sec-Fetch-Site": "same-origin"}
        body = urlencode({**form.fields, **typed}).encode()
        return self._ask(urllib.request.Request(target, body, headers, method=form.method.upper()))  # noqa: S310

    def _ask(self, request: urllib.request.Request) -> Page:
        try:
            answer = self._opener.open(request, timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return Page(answer.url, answer.status or 0, answer.read().decode(errors="replace"))
