"""What was found of one part of a domain, and what stands in its place where nobody knows."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from recovery.reasons import DomainPart, DomainReason, Judgement

LONGEST: Final = 2000  # characters of a record that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence about a domain. ``name``, ``kind`` and ``record``: what to publish, where anything is wrong."""

    part: DomainPart
    judgement: Judgement
    reason: DomainReason
    subject: str
    detail: str = ""
    name: str = ""
    kind: str = ""
    record: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON for the row: DNS is public, and other people's text is cut."""
        return {key: str(value)[:LONGEST] for key, value in asdict(self).items()}


class NotKnown(Exception):
    """The DNS gave no answer that could be believed; ``reason`` is one of ``DomainReason``."""

    def __init__(self, reason: DomainReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def overall(findings: Iterable[Finding]) -> Judgement:
    """A problem outweighs what is not known, and that outweighs what is fine; a notice is fine."""
    found = {finding.judgement for finding in findings}
    if Judgement.PROBLEM in found:
        return Judgement.PROBLEM
    return Judgement.UNKNOWN if Judgement.UNKNOWN in found or not found else Judgement.OK
