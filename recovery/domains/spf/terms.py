"""How an SPF record is written (RFC 7208 sections 4.6.1, 5, 6 and 12): its words, read and put together anew."""

import re
from collections.abc import Collection, Iterable, Sequence
from ipaddress import ip_network
from typing import Final

from recovery.domains.spf.ranges import Network

VERSION: Final = "v=spf1"
PASSES: Final = ("", "+")
"""The signs by which what matches may send."""
_TERM: Final = re.compile(
    r"(?P<sign>[+?~-]?)(?P<word>all|include|a|mx|ptr|ip4|ip6|exists)"
    r"(?::(?P<value>[^/]+))?(?P<cut>(?:/\d{1,3})?(?://\d{1,3})?)",
    re.IGNORECASE,
)
_MODIFIER: Final = re.compile(r"(?P<word>[a-z][a-z0-9_.-]*)=(?P<value>.*)", re.IGNORECASE)
_PTR: Final = re.compile(r"[+?~-]?ptr(:.*)?", re.IGNORECASE)


class Unreadable(Exception):
    """``word`` is none that RFC 7208 knows."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def records(texts: Sequence[str]) -> list[str]:
    """Those texts of a name that are SPF records (section 4.5)."""
    return [text for text in texts if text.lower() == VERSION or text.lower().startswith(f"{VERSION} ")]


def parsed(record: str) -> tuple[list[re.Match[str]], str]:
    """Its mechanisms, and the word that redirects, or "". Raises Unreadable."""
    terms, redirects = list[re.Match[str]](), list[str]()
    for word in words(record):
        term, modifier = _TERM.fullmatch(word), _MODIFIER.fullmatch(word)
        if term and _is_sound(term):
            terms.append(term)
        elif modifier and modifier["word"].lower() == "redirect" and modifier["value"]:
            redirects.append(word)
        elif not modifier or modifier["word"].lower() == "redirect":
            raise Unreadable(word)
    if len(redirects) > 1:
        raise Unreadable(redirects[1])
    return terms, "".join(redirects)


def _is_sound(term: re.Match[str]) -> bool:
    word, value, cut = term["word"].lower(), term["value"], term["cut"]
    if word in ("ip4", "ip6"):
        found = network(f"{value}{cut}")
        return found is not None and f"ip{found.version}" == word
    if word == "all":
        return not value and not cut
    if word in ("include", "exists"):
        return bool(value) and not cut
    return word != "ptr" or not cut


def network(text: str) -> Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def short(network: Network) -> str:
    """Without the length where it is one address."""
    return str(network.network_address if network.num_addresses == 1 else network)


def words(record: str) -> list[str]:
    """All but the version."""
    return record.split()[1:]


def made(kept: Iterable[str]) -> str:
    return " ".join([VERSION, *kept])


def is_end(word: str) -> bool:
    return word.lower().lstrip("+-~?") == "all"


def is_redirect(word: str) -> bool:
    return word.lower().startswith("redirect=")


def is_ptr(word: str) -> bool:
    return bool(_PTR.fullmatch(word))


def without(record: str, gone: Collection[str]) -> str:
    """Whole words are compared: one may stand within another."""
    return made(word for word in words(record) if word not in gone)


def ending(record: str, end: str) -> str:
    """With this end. A redirect counts for nothing beside an end (section 6.1): whom it lets send, it includes."""
    kept = [word for word in words(record) if not is_end(word)]
    return made([*(f"include:{word.partition('=')[2]}" if is_redirect(word) else word for word in kept), end])


def adding(record: str, terms: Sequence[str]) -> str:
    return made([*terms, *words(record)])
