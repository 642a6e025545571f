"""Doors to the accounts: where links lead, who signs the mail. A request may choose one, never supply one."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from django.urls import reverse

from recovery.conf import conf
from recovery.exceptions import Misconfigured


@dataclass(frozen=True, slots=True)
class Audience:
    """One door. ``base_url`` has no trailing slash."""

    name: str
    base_url: str
    from_email: str
    site_name: str

    def link(self, url_name: str, **kwargs: str) -> str:
        """Absolute URL of one of our pages; only the configured base decides the host."""
        return self.base_url + reverse(f"recovery:{url_name}", kwargs=kwargs or None)

    @property
    def forgot_url(self) -> str:
        """Absolute URL of the forgot page, which names this door where its host alone does not tell it."""
        return self.link("forgot") + self.mark(host=urlsplit(self.base_url).netloc)

    def mark(self, *, host: str) -> str:
        """What a path on that host needs at its end to stay at this door: a query, or nothing."""
        return "" if chosen(host=host) == self.name else f"?audience={quote(self.name)}"

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")


def chosen(*, host: str, name: str = "") -> str:
    """The door that a request means: the one it names, else the one that lives at its host, else the default.

    What it says only picks among the site's own; nothing of it gets into a page or a mail.
    """
    if not (audiences := conf.AUDIENCES):
        return "default"
    if name in ("default", *audiences):
        return name
    homes = {door: str(own["BASE_URL"]) for door, own in audiences.items() if own.get("BASE_URL")}
    if _host(conf.BASE_URL) == host.lower():
        return "default"
    return next((door for door, base_url in homes.items() if _host(base_url) == host.lower()), "default")


def _host(base_url: str) -> str:
    return urlsplit(base_url).netloc.lower()


def get(name: str = "default") -> Audience:
    """The audience of that name; what it leaves out is the default's. Raises Misconfigured for an unknown
    name or a missing BASE_URL."""
    own = {} if name == "default" else conf.AUDIENCES.get(name)
    if own is None:
        raise Misconfigured(f"RECOVERY['AUDIENCES'] has no {name!r}.")
    base_url = str(own.get("BASE_URL") or conf.BASE_URL).rstrip("/")
    if not base_url:
        raise Misconfigured("RECOVERY['BASE_URL'] is missing.")
    return Audience(
        name=name,
        base_url=base_url,
        from_email=str(own.get("FROM_EMAIL") or conf.FROM_EMAIL),
        site_name=str(own.get("SITE_NAME") or conf.SITE_NAME or urlsplit(base_url).hostname),
    )
