"""What is known of one thing that came back about a mail, and what it was found to be."""

from dataclasses import dataclass
from typing import Final

from recovery.reasons import BounceClass

LONGEST_TEXT: Final = 500
"""How much of what a stranger's server said is kept: reply texts have 512 octets (RFC 5321 section 4.5.3.1.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the other side said, in the words of whoever said it. Empty where it did not say.

    ``kind`` is a word of ``EventKind``, ``status`` an enhanced status code (RFC 3463), ``code`` an SMTP reply or 0,
    ``reject_reason`` anymail's word; type and sub-type are the provider's own, in lower case; ``stream`` is the
    provider's name for the kind of mail it was.
    """

    esp: str
    kind: str
    recipient: str
    status: str = ""
    code: int = 0
    provider_type: str = ""
    provider_subtype: str = ""
    reject_reason: str = ""
    text: str = ""
    stream: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """A class, the rule that chose it, such as ``enhanced:5.1.1``, and what it rests on, in one line."""

    bounce_class: BounceClass
    rule: str
    evidence: str
