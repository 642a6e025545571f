"""What codes say: enhanced status codes (RFC 3463 and its registry) and SMTP reply codes (RFC 5321).

A code that servers use for everything says nothing here, or no more than ``VAGUE``: then the text is asked first. How
often each meant a dead address was counted by others over some six hundred bounces; 5.1.1 did in 93 of 100, 550 in
fewer than half.
"""

import re
from collections.abc import Mapping
from typing import Final

from recovery.reasons import BounceClass

HARD, SOFT, POLICY = BounceClass.HARD, BounceClass.SOFT, BounceClass.POLICY

BY_STATUS: Final[Mapping[str, BounceClass | None]] = {
    "1.1": HARD, "1.2": HARD, "1.3": HARD, "1.4": HARD, "1.5": None, "1.6": HARD, "1.7": POLICY, "1.8": POLICY,
    "1.9": None, "1.10": HARD,
    "2.0": SOFT, "2.2": SOFT, "2.3": POLICY, "2.4": SOFT,
    "3.1": SOFT, "3.2": SOFT, "3.3": POLICY, "3.4": POLICY, "3.5": SOFT, "3.6": None,
    "4.1": SOFT, "4.2": SOFT, "4.3": SOFT, "4.4": SOFT, "4.5": SOFT, "4.6": SOFT, "4.7": SOFT,
    "5.1": SOFT, "5.2": SOFT, "5.3": SOFT, "5.4": SOFT, "5.5": SOFT, "5.6": SOFT,
    "7.17": HARD, "7.18": HARD, "7.19": SOFT,
}  # fmt: skip
"""Of a permanent failure, 5.x.y; 4.x.y is soft whatever x.y says (RFC 3463 section 2). 6.x and the rest of 7.x are
about what we sent and who we are."""

VAGUE: Final[Mapping[str, BounceClass | None]] = {
    "0.0": None, "1.0": None, "2.1": None, "3.0": SOFT, "4.0": SOFT, "4.1": SOFT, "5.0": None,
    "7.0": POLICY, "7.1": POLICY, "7.13": HARD,
}  # fmt: skip
"""Codes for which the text is read first, each with the class where that says nothing either. Microsoft says
5.4.1 for a recipient that it does not know, Postfix 5.7.1 where a site's own table refuses."""

BY_CODE: Final[Mapping[int, BounceClass]] = {
    500: SOFT, 501: SOFT, 502: SOFT, 503: SOFT, 504: SOFT, 521: HARD, 523: POLICY, 525: SOFT, 530: POLICY,
    534: POLICY, 535: POLICY, 538: POLICY, 541: POLICY, 552: SOFT, 555: SOFT, 556: HARD, 571: POLICY,
}  # fmt: skip
"""521 and 556: this host, or the whole domain, takes no mail (RFC 7504). 4yz is soft, whatever it is. What is absent
(550, 551, 553, 554) is said for everything."""

PROTOCOL: Final = frozenset({500, 501, 502, 503, 504})
"""Codes about the conversation: some servers say them of an unknown recipient or of spam, and then the text tells."""

_STATUS: Final = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
_REPLY: Final = re.compile(r"(?<![\d.])[45]\d\d[ -]\(?#?([45]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_QUOTED: Final = re.compile(
    r"(?<![\d.#-])[45][0-5]\d[ -](?!\d+ ).{1,500}?(?= (?:<<<|>>>)|(?<![\d.#-])[245][0-5]\d[ -]|$)", re.DOTALL
)
_CODE: Final = re.compile(r"(?<![\d.#-])([45][0-5]\d)(?=[ -]|$)(?![ -]+\d+ )")


def of_status(status: str) -> BounceClass | None:
    """What an enhanced status code means by itself; None where it says nothing, or that nothing failed."""
    klass, _, rest = status.partition(".")
    if klass == "4":
        return SOFT
    if klass != "5" or rest in VAGUE:
        return None
    if rest in BY_STATUS:
        return BY_STATUS[rest]
    return POLICY if rest.startswith(("6.", "7.")) else None


def vague(status: str) -> BounceClass | None:
    """What a code means for which the text was read, and said nothing."""
    klass, _, rest = status.partition(".")
    return VAGUE.get(rest) if klass == "5" else None


def asks_for_text(status: str) -> bool:
    """Whether a code names a subject, and the text then says which of its ends it means: 5.0.0 names none."""
    klass, _, rest = status.partition(".")
    return klass == "5" and rest in VAGUE and rest != "0.0"


def of_code(code: int) -> BounceClass | None:
    """What an SMTP reply code means by itself."""
    return SOFT if 400 <= code < 500 else BY_CODE.get(code)


def status_in(text: str) -> str:
    """The enhanced status code that a text names: the first that says something, else the first; "" without any."""
    found = [".".join(str(int(part)) for part in match.groups()) for match in _STATUS.finditer(text[:4000])]
    found = [status for status in found if not status.startswith("2")]
    telling = [status for status in found if not status.endswith(".0.0")]
    return next(iter(telling or found), "")


def reply_in(text: str) -> str:
    """The enhanced status code of the first SMTP reply that a text quotes with one, as in "550 5.1.1 no"; or ""."""
    found = _REPLY.search(text[:4000])
    return ".".join(str(int(part)) for part in found[1].split(".")) if found else ""


def code_in(text: str) -> int:
    """The SMTP reply code that a text names, or 0."""
    found = _CODE.search(text[:4000])
    return int(found[1]) if found else 0


def first_reply(text: str) -> str:
    """The first SMTP reply that a text quotes, or "". What else stands there says less, or speaks of something else."""
    found = _QUOTED.search(text[:4000])
    return found[0].strip() if found else ""
