"""Whether a text names an address, whole, however it is written: ``joann@x.example`` does not name ``ann@x.example``.

Reports come as JSON, as forms, in the words of mail servers, and mails themselves in what bounced: each writes an
address in a way of its own. Which rows are looked at stands in ``rows``.
"""

import html
import re
from collections.abc import Callable, Iterable
from functools import reduce
from operator import and_, or_
from typing import Final
from urllib.parse import unquote

from django.db.models import Q

from recovery.addresses import normalise

_WRITTEN: Final = re.compile(r"[0-9A-Za-z]+")
"""What no way of writing changes: by its longest run, rows are found that may name an address."""
_BEFORE: Final = r"(?<![\w.+%~^$!#*`|{}-])(?<!\w')"
"""What belongs to a local part (RFC 5322 section 3.2.3, atext), but for what forms, paths and quotes put before one."""
_AFTER: Final = r"(?![\w-]|\.\w)"
_PLACE: Final = r"(?<![\w.:]){}(?![\w]|\.\d)"
_AT: Final = "@"
_ESCAPED: Final = re.compile(r'\\(?:u([0-9a-fA-F]{4})|([nrtbf])|(["\\/]))')


def may_name(columns: Iterable[str], addresses: Iterable[str]) -> Q:
    """Rows of which one column may name one of them, and all that do; ``named_in`` says which. Without any, no row."""
    columns = list(columns)
    found = [
        reduce(and_, (Q(**{f"{column}__icontains": run}) for run in _runs(address)))
        for address in addresses
        for column in columns
        if _runs(address)
    ]
    return reduce(or_, found, Q(pk__in=[]))


def named_in(text: str, addresses: Iterable[str]) -> bool:
    """Whether this text names one of them, in whatever case and way of writing."""
    patterns = [_pattern(address) for address in addresses if _AT in address]
    return bool(patterns) and any(each.search(form) for form in _forms(text) for each in patterns)


def cut(text: str, addresses: Iterable[str], places: Iterable[str] = (), *, mark: str = "…") -> str:
    """This text without them and without these client addresses, where they stand as people write them. One that names
    an address in the way of machines goes whole."""
    addresses = [each for each in addresses if _AT in each]
    for address in addresses:
        text = re.sub(_BEFORE + re.escape(address) + _AFTER, mark, text, flags=re.IGNORECASE)
    for place in places:
        text = re.sub(_PLACE.format(re.escape(place)), mark, text, flags=re.IGNORECASE)
    return mark if named_in(text, addresses) else text


def _runs(address: str) -> set[str]:
    """The longest plain run of what stands before the @, and of the domain."""
    local, _, domain = address.rpartition(_AT)
    runs = (max(_WRITTEN.findall(part), key=len, default="") for part in (local, domain))
    return {run for run in runs if run}


def _pattern(address: str) -> re.Pattern[str]:
    local, _, domain = normalise(address).rpartition(_AT)
    domains = "|".join(re.escape(each) for each in {domain, _ascii(domain)})
    plain = rf'(?:{_BEFORE}{re.escape(local)}|"{re.escape(local)}")@(?:{domains}){_AFTER}'
    # A return path that carries the recipient: ``bounces+ann=x.example@sender.example``.
    carried = rf"{_BEFORE}[\w.-]+\+{re.escape(local)}=(?:{domains})@"
    return re.compile(f"{plain}|{carried}")


def _ascii(domain: str) -> str:
    """As the DNS writes it (RFC 5890), if it can."""
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return domain


def _forms(text: str) -> set[str]:
    """The text as it is, and what it says once that is undone by which JSON, forms, HTML and mails escape letters."""
    forms = {text}
    for undone in _UNDO:
        forms |= {undone(form) for form in forms}
    return {normalise(form) for form in forms}


def _of_json(text: str) -> str:
    """Of whole JSON or of a piece that was cut."""
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else " " if found[2] else found[3], text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _of_mail(text: str) -> str:
    """Quoted-printable (RFC 2045 section 6.7)."""
    return re.sub(r"(?:=[0-9A-F]{2})+", _octets, re.sub(r"=\r?\n", "", text))


def _of_notice(text: str) -> str:
    """The addresses of delivery notices (xtext, RFC 3461 section 4)."""
    return re.sub(r"(?i:rfc822;)\S+", lambda found: re.sub(r"(?:\+[0-9A-F]{2})+", _octets, found[0]), text)


def _octets(found: "re.Match[str]") -> str:
    return bytes.fromhex(re.sub("[=+]", "", found[0])).decode("utf-8", "replace")


_UNDO: Final[tuple[Callable[[str], str], ...]] = (_of_json, _of_json, unquote, html.unescape, _of_mail, _of_notice)
