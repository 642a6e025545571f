"""Where an ask came from: the small thing that goes below the form instead of an ``HttpRequest``.

``here`` is where the web request that is being answered came from, for the trail alone: it is recorded of every act,
and no rule decides anything by it.
"""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final

from django.http import HttpRequest
from django.utils.encoding import force_bytes
from django.utils.translation import get_language

from recovery.conf import conf, of_django
from recovery.reasons import Verdict

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_BROWSERS: Final = (("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"),
                    ("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("CriOS", "Chrome"),
                    ("Chrome", "Chrome"), ("Safari", "Safari"))  # fmt: skip
_SYSTEMS: Final = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
                   ("CrOS", "ChromeOS"), ("Mac OS X", "macOS"), ("Linux", "Linux"))  # fmt: skip


_HASHES: Final = ipaddress.IPv6Network("fd5c:9e1b:7a43::/48")
"""Where hashed addresses lie: a network of our own (RFC 4193), from which no packet ever comes. So a hash fits wherever
an address stands, in columns of the database too, and cannot be taken for one."""
_HASH: Final = "hash "
_WRITTEN: Final = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\w)|(?:[0-9A-Fa-f]{1,4}:|::)[0-9A-Fa-f:.]*(?:[0-9A-Fa-f]|::)(?!\w|[.:]\w))"
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Client address ("" if it is none), user agent, and the language the page was shown in.

    Address and agent are at once what may be written down of them (``CLIENT_DATA``), so that nothing below holds more.
    ``source`` is never written down: the key under which limits count this place, the address or of IPv6 its /64
    network.
    """

    ip: str = ""
    user_agent: str = ""
    language: str = ""
    source: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", self.source or _source_of(self.ip))
        object.__setattr__(self, "ip", _kept_address(self.ip))
        object.__setattr__(self, "user_agent", _kept_agent(self.user_agent))

    @classmethod
    def of(cls, request: HttpRequest) -> "Origin":
        return cls(
            ip=client_address(request),
            user_agent=printable(request.META.get("HTTP_USER_AGENT", ""))[:256],
            language=(get_language() or "")[:16],
        )

    @property
    def browser(self) -> str:
        return describe_browser(self.user_agent)

    @property
    def place(self) -> str:
        """The client address as a mail to its owner tells it."""
        return self.ip if conf.CLIENT_DATA["ip"] == "full" and not is_hash(self.ip) else shortened(self.ip)


def _source_of(ip: str) -> str:
    return str(ipaddress.ip_network(f"{ip}/64", strict=False)) if ":" in ip else ip


def _kept_address(ip: str) -> str:
    """One that was cut or hashed already stays as it is."""
    if not ip or (how := conf.CLIENT_DATA["ip"]) == "full" or is_hash(ip):
        return ip
    if how == "cut":
        return str(ipaddress.ip_network(f"{ip}/{48 if ':' in ip else 24}", strict=False).network_address)
    return str(_HASHES.network_address + int.from_bytes(_hash("ip", ip)[:10]))


def is_hash(ip: str) -> bool:
    """Whether this stands for an address, and is none."""
    return ":" in ip and ipaddress.ip_address(ip) in _HASHES


def _kept_agent(user_agent: str) -> str:
    if not user_agent or (how := conf.CLIENT_DATA["user_agent"]) == "full" or user_agent.startswith(_HASH):
        return user_agent
    return describe_browser(user_agent) if how == "cut" else _HASH + _hash("user_agent", user_agent).hex()[:20]


def _hash(what: str, text: str) -> bytes:
    """Keyed: whoever has the rows and not ``SECRET_KEY`` cannot try all addresses there are."""
    key = hashlib.sha256(f"recovery.origin.{what}".encode() + force_bytes(of_django("SECRET_KEY"))).digest()
    return hmac.digest(key, text.encode(), "sha256")


def client_address(request: HttpRequest) -> str:
    """The ``TRUSTED_PROXIES``-th address of X-Forwarded-For from the right; with 0, REMOTE_ADDR. With networks, the
    first address that is in none of them, looked at from REMOTE_ADDR to the left.

    What lies further left was written by the client and is never read. Anything that is no address gives
    REMOTE_ADDR, and "" if that is none either (a unix socket). Mapped IPv4 is IPv4; zones and ports go.
    """
    remote = _address(request.META.get("REMOTE_ADDR", ""))
    if not (trusted := conf.TRUSTED_PROXIES):
        return remote
    hops = [hop for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    if not isinstance(trusted, int):
        return _outermost(remote, hops, _networks(tuple(trusted)))
    return (_address(hops[-trusted]) if len(hops) >= trusted else "") or remote


def _outermost(found: str, hops: list[str], trusted: Sequence[Network]) -> str:
    """Each of these proxies is believed about whom it was called by. Behind one that names nobody, it is itself the
    client; by a unix socket no stranger calls."""
    while hops and (not found or any(ipaddress.ip_address(found) in each for each in trusted)):
        caller = _address(hops.pop())
        if not caller:
            break
        found = caller
    return found


@lru_cache(maxsize=8)
def _networks(written: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(each, strict=False) for each in written)


def _address(text: str) -> str:
    text = text.strip()
    if match := re.fullmatch(r"\[([^\]]+)\](?::\d+)?|([\d.]+):\d+", text):
        text = match[1] or match[2]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def shortened(ip: str) -> str:
    """A client address without what tells one household from another: ``192.0.2.•``, of IPv6 the first 48 bits; ""
    for a hash, which tells nobody anything."""
    if not ip or is_hash(ip):
        return ""
    if ":" not in ip:
        return f"{ip.rpartition('.')[0]}.•"
    return f"{ipaddress.ip_network(f'{ip}/48', strict=False).network_address}•"


def shorten_in(text: str) -> str:
    """Free text with whatever may be a client address shortened."""
    return _WRITTEN.sub(lambda found: (shortened(found[0]) or "•") if _address(found[0]) else found[0], text)


def describe_browser(user_agent: str) -> str:
    """Browser and system in two words for a mail, "" when it does not look like a browser. Its own words stay."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent or user_agent.startswith(name)), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent or f"({name})" in user_agent), "")
    return f"{browser} ({system})" if browser and system else browser


def printable(text: str) -> str:
    """Without control characters and lone surrogates: PostgreSQL stores neither NUL nor surrogates."""
    return text if text.isprintable() else "".join(c for c in text if c.isprintable())


def is_navigation(request: HttpRequest) -> bool:
    """Whether a browser says that a person is going to this page (Fetch Metadata, W3C). Mail scanners and
    prefetchers do not; browsers before 2023 and plain http off localhost do not either."""
    is_prefetch = "prefetch" in (request.META.get("HTTP_SEC_PURPOSE", "") + request.META.get("HTTP_PURPOSE", ""))
    return request.method == "GET" and request.META.get("HTTP_SEC_FETCH_MODE") == "navigate" and not is_prefetch


def verdict_on(request: HttpRequest) -> Verdict:
    """Who is probably opening this page. Only ever shown to staff: nothing is allowed or refused by it."""
    is_old_browser = (
        request.method == "GET"
        and "HTTP_SEC_FETCH_MODE" not in request.META
        and "HTTP_SEC_PURPOSE" not in request.META
        and "HTTP_ACCEPT_LANGUAGE" in request.META
        and bool(describe_browser(request.META.get("HTTP_USER_AGENT", "")))
    )
    return Verdict.PERSON if is_navigation(request) or is_old_browser else Verdict.PROBABLE_SCANNER


_here: ContextVar[Callable[[], Origin] | None] = ContextVar("recovery_here", default=None)


@contextmanager
def answering(request: HttpRequest) -> Iterator[None]:
    """What is recorded meanwhile came from there. Looked at only when something is."""
    before = _here.set(partial(Origin.of, request))
    try:
        yield
    finally:
        _here.reset(before)


def here() -> Origin | None:
    """Where the web request that is being answered came from; None in a task and a command."""
    of_request = _here.get()
    return of_request() if of_request else None
