"""Mail addresses as text: compare normalised, show masked, point out near-miss domains.

Pure functions. Which account an address belongs to is asked in ``accounts``.
"""

import re
import string
import unicodedata
from collections.abc import Container, Iterable
from typing import Final

MAX_LENGTH: Final = 254  # RFC 5321 section 4.5.3.1.3: a path of 256 octets with its angle brackets

WELL_KNOWN_DOMAINS: Final = (
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "yahoo.com", "icloud.com",
    "protonmail.com", "aol.com", "gmx.de", "gmx.net", "web.de", "t-online.de", "orange.fr", "free.fr",
)  # fmt: skip


_CAPITALS: Final = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_ANY: Final = re.compile(r"""[^\s<>"'(),;:\[\]{}=]+@[^\s<>"'(),;:\[\]{}=]+""")
_WHOLE: Final = re.compile(r"""[^\s<>"'(),;:\[\]{}=@]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2}[\w-]*""")


def normalise(text: str) -> str:
    """The form in which identifiers are compared and limited: trimmed, NFKC, case folded.

    Full-width letters, ligatures and the Kelvin sign fold to what they look like (Unicode TR 36), so that
    spelling tricks share one limit. Mail never goes to this form, only to stored addresses.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text.strip()).casefold())


def capitals(texts: Iterable[str]) -> list[str]:
    """What a database makes of these with ``UPPER``, which several indexes are on: PostgreSQL has a capital for every
    letter, SQLite for those of ASCII."""
    return sorted({form for text in texts for form in (text.upper(), text.translate(_CAPITALS))})


def mask(address: str) -> str:
    """``a•••n@e•••e.com``: enough to recognise an address one knows, too little to learn one."""
    local, _, domain = address.rpartition("@")
    if not local:
        return _mask_word(address)
    name, dot, ending = domain.rpartition(".")
    return f"{_mask_word(local)}@{_mask_word(name or domain)}{dot}{ending if dot else ''}"


def mask_whole(text: str) -> str:
    """As ``mask_in``, only what has a domain of several labels: what people write otherwise stays as it is."""
    return _WHOLE.sub(lambda found: mask(found[0]), text)


def mask_in(text: str, *, but_for: Container[str] = ()) -> str:
    """Free text with whatever may be an address masked, but for these, in small letters."""
    return _ANY.sub(lambda found: found[0] if found[0].lower() in but_for else mask(found[0]), text)


def _mask_word(word: str) -> str:
    return f"{word[:1]}•••{word[-1:]}" if len(word) > 2 else f"{word[:1]}•••"


def likely_domain(text: str) -> str | None:
    """The well-known domain that the typed one misses by one slip, or None. Reads the typed text alone."""
    domain = normalise(text).rpartition("@")[2]
    if "@" not in text or not domain or domain in WELL_KNOWN_DOMAINS:
        return None
    return next((known for known in WELL_KNOWN_DOMAINS if _one_slip(domain, known)), None)


def _one_slip(typed: str, known: str) -> bool:
    """Whether one letter is missing, doubled, replaced, or two neighbours are swapped (Damerau)."""
    if abs(len(typed) - len(known)) > 1 or typed[:1] != known[:1]:
        return False
    start = 0
    while start < min(len(typed), len(known)) and typed[start] == known[start]:
        start += 1
    rest, wanted = typed[start:], known[start:]
    return (
        rest[1:] == wanted[1:]
        or rest[1:] == wanted
        or rest == wanted[1:]
        or (len(rest) > 1 and rest[:2] == wanted[1::-1] and rest[2:] == wanted[2:])
    )
