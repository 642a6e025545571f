"""Which servers may send for a domain: its SPF record read as RFC 7208 says, without a mail at hand.

``terms`` knows how a record is written, ``ranges`` sets of addresses, ``walking`` the tree, ``judging`` what is to be
said of it, ``mending`` the record to publish.
"""

from collections.abc import Sequence

from recovery.domains.asking import Asker
from recovery.domains.found import Finding
from recovery.domains.spf import terms
from recovery.domains.spf.judging import INCLUDES, Verdict, Wanted, judge
from recovery.domains.spf.mending import GOOD, mended
from recovery.domains.spf.ranges import ranges_of
from recovery.reasons import DomainPart, DomainReason

__all__ = ["INCLUDES", "Wanted", "look"]


def look(asker: Asker, domain: str, wanted: Wanted, senders: Sequence[Wanted] = ()) -> tuple[Finding, list[str]]:
    """The finding for one who is ``wanted`` there, with a record that serves all ``senders``; and the networks that the
    record there is lets send, but those that are anybody's, which no recipient should be asked to let in. Raises
    NotKnown."""
    records = terms.records(asker.texts(domain))
    verdict = judge(asker, domain, records, [wanted])
    record = "" if verdict.reason in GOOD else mended(asker, domain, records, senders or [wanted])
    named = verdict.walk.networks if verdict.walk else []
    networks = {terms.short(network) for network in named if not ranges_of([network]).is_anybody}
    return _finding(verdict, domain, records, record), sorted(networks)


def _finding(verdict: Verdict, domain: str, records: list[str], record: str) -> Finding:
    return Finding(
        part=DomainPart.SPF,
        judgement=verdict.judgement,
        reason=verdict.reason,
        subject=domain,
        detail=_at_fault(verdict, records),
        name=domain if record else "",
        kind="TXT" if record else "",
        record=record,
    )


def _at_fault(verdict: Verdict, records: list[str]) -> str:
    """The word of the record, and what it leads to; the whole record where no word is."""
    if verdict.flaw is None:
        wide = verdict.walk.wide if verdict.walk and verdict.reason == DomainReason.SPF_ANYBODY else []
        return " ".join(wide) or records[0]
    flaw = verdict.flaw
    return flaw.detail if flaw.is_own or not flaw.word or flaw.word == flaw.detail else f"{flaw.word} ({flaw.detail})"
