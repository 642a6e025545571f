"""What bounce mails without a report say to people: which addresses failed, and what is said of each.

There are as many forms as there are mail servers. What they share is an address at the beginning of a line, or after a
word for "recipient", with the reason behind or below it, and the returned mail after some line that announces it.
"""

import re
from collections.abc import Collection, Iterator
from typing import Final

from recovery.bounces import reports
from recovery.bounces.reports import ADDRESS

LONGEST: Final = 20_000  # characters that are read
MOST: Final = 50  # recipients of one mail
_RETURNED: Final = re.compile(
    r"^[ \t>*#=_-]{0,80}(?:"
    r"(?:this|here|below|above|the following) (?:this line |text |line |next line )?(?:is|are) (?:a|the) "
    r"(?:full |exact )?cop(?:y|ies)\b.*"
    r"|(?:below|next).{0,20} line.{0,20} (?:is|are) (?:a|the)\b.*"
    r"|(?:the )?(?:un(?:sent|delivered|deliverable)|original|returned|bounced|rejected|failed)[ -]+(?:e-?mail |mail )?"
    r"(?:message|mail|text|e-?mail)\b(?! (?:to|for)\b)"
    r"(?:.{0,40}(?:follow|header|below|\bas received|attached|details).*|[ \t:>*#=_-]*)"
    r"|.{0,30}\b(?:message|mail)(?:'s)? (?:headers?|body|text|content)\b.{0,30}(?:follow|below|attached).*"
    r"|.{0,60}(?:headers?|lines|part) of (?:the|your) (?:\w+ )?(?:message|mail)\b.{0,60}"
    r"|(?!.*receive).{0,40}\bcopy of (?:the|your) (?:\w+ )?(?:message|mail)\b.{0,60}"
    r"|(?:start of|begin) returned message.*"
    r"|forwarded message.*"
    r"|return-path:.*|received: (?:from|by|\().*"
    r")$",
    re.IGNORECASE | re.MULTILINE,
)
_AT_THE_BEGINNING: Final = re.compile(
    r"^[ \t>*•\"'(\[-]*(?:(?:mailto|smtp|rfc822|to|rcpt to|recipient|failed recipient|undeliverable address|user"
    r"|address|unknown user|invalid (?:final delivery )?userid|undeliverable to|e-?mail address|final recipient"
    r"|\(generated from|\(expanded from)(?:\s*[:=]\s*|\s+))?"
    rf"[<\[\"'(]*(?:smtp:)?({ADDRESS.pattern})",
    re.IGNORECASE | re.MULTILINE,
)
_ANNOUNCES: Final = re.compile(
    r"^.{0,200}\b(?:following|failed|these|those|this|intended|some|more|address(?:es)?|recipients?)\b.{0,60}"
    r"(?:recipients?|address|users?|destinations?|fatal errors|failed)\b.{0,80}?(?:[:.-]+|----+)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_AFTER_A_WORD: Final = re.compile(
    r"(?:recipients?|address(?:es|ed to)?|users?|mailbox|deliver\w*|rcpt to|sent to|to|for|account|person|reach)\b"
    r"[^\n@]{0,60}?"
    rf"[ \t:=<\[\"'(]({ADDRESS.pattern})",
    re.IGNORECASE,
)


def cut(text: str) -> tuple[str, str]:
    """What was said to people, and the returned mail behind it, if there is one."""
    text = text[:LONGEST]
    found = _RETURNED.search(text)
    return (text[: found.start()], text[found.start() :]) if found else (text, "")


def failures(text: str, *, ours: Collection[str], hints: Collection[str]) -> Iterator[tuple[str, str]]:
    """Each address that failed, and what is said of it. ``ours``: who sent the mail; ``hints``: whom it was sent to."""
    found = _addresses(text, ours, hints)
    lines = text.splitlines()
    for address in list(found)[:MOST]:
        yield address, _said_of(address, lines, found)


def _addresses(text: str, ours: Collection[str], hints: Collection[str]) -> list[str]:
    """By the strongest sign that there is: below the line that announces them, one that the mail was sent to, at the
    beginning of a line, after a word for a recipient."""
    wanted = {hint.lower() for hint in hints}
    anywhere = [match[0] for match in ADDRESS.finditer(text)]
    known = [address for address in anywhere if address.lower().rstrip(".") in wanted]
    beginning = [match[1] for match in _AT_THE_BEGINNING.finditer(text)]
    after = [match[1] for match in _AFTER_A_WORD.finditer(text)]
    for found in (_announced(text), known, beginning, after, list(hints) if len(hints) == 1 else []):
        if addresses := _own(found, ours):
            return addresses
    return []


def _announced(text: str) -> list[str]:
    """The addresses below a line such as "The following recipients were not reached:"."""
    for announcement in _ANNOUNCES.finditer(text):
        below = text[announcement.end() :].lstrip()
        if first := ADDRESS.search(below.partition("\n")[0]):
            return [first[0], *(match[1] for match in _AT_THE_BEGINNING.finditer(below[first.end() :]))]
    return []


def _own(found: Collection[str], ours: Collection[str]) -> list[str]:
    """Each once, without those that sent the mail, or that send bounces."""
    kept: dict[str, str] = {}
    for address in found:
        clean = reports.address_in(address)
        local = clean.lower().partition("@")[0]
        if clean.lower() not in ours and local not in {"postmaster", "mailer-daemon", "abuse", "hostmaster"}:
            kept.setdefault(clean.lower(), clean)
    return list(kept.values())


def _said_of(address: str, lines: list[str], others: Collection[str]) -> str:
    """The lines from the first that names the address to the next that names another, at most a dozen."""
    low = address.lower()
    rest = {other.lower() for other in others} - {low}
    for number, line in enumerate(lines):
        if low not in line.lower():
            continue
        said = [line]
        for following in lines[number + 1 : number + 12]:
            if any(other in following.lower() for other in rest):
                break
            said.append(following)
        return " ".join(" ".join(said).split())
    return ""
