"""The SPF record to publish: the one there is without its flaw, or none.

A proposal is judged as if it stood in the DNS, and is given only if then all is well and nobody is shut out whom the
record there is lets send. Where a word cannot go without taking senders along, there is none: no record is better
than one that stops somebody's mail. A domain has one record, so it is mended for all who send for it, and all of them
are shown the same one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from recovery.domains.asking import Asker
from recovery.domains.found import NotKnown
from recovery.domains.spf import terms
from recovery.domains.spf.judging import Verdict, Wanted, judge
from recovery.domains.spf.ranges import NOBODY, Ranges
from recovery.reasons import DomainReason

SOFT: Final = "~all"  # RFC 7208 section 8.5: whoever was forgotten is not refused for that alone
GUESSED: Final = ("mx", "a")  # whoever sends by no provider sends by the domain's own servers, as far as anybody knows
MOST_STEPS: Final = 12
GOOD: Final = frozenset({DomainReason.SPF_GOOD, DomainReason.SPF_MACRO})


def mended(asker: Asker, domain: str, records: Sequence[str], senders: Sequence[Wanted]) -> str:
    """The record, or "" where no safe one is known. Whoever publishes it does so for a sender whose return path the
    settings do not name as well: nobody but its provider knows that it is not this domain."""
    wanted = [replace(each, returns_here=True) for each in senders]
    try:
        verdict = judge(asker, domain, records, wanted)
        before = _let_in(asker, domain, records, wanted, verdict)
        for _ in range(MOST_STEPS):
            record = _step(records, wanted, verdict)
            if not record or [record] == list(records):
                return ""
            records, verdict = [record], judge(asker, domain, [record], wanted)
            if verdict.reason in GOOD:
                return record if _is_as_good(verdict, before) else ""
    except NotKnown:
        return ""
    return ""


def _let_in(asker: Asker, domain: str, records: Sequence[str], wanted: Sequence[Wanted], verdict: Verdict) -> Ranges:
    """Whom it must go on to let in: of several records, whom any of them names."""
    if verdict.reason == DomainReason.SPF_ANYBODY:
        return NOBODY
    found = NOBODY
    for record in records:
        walk = judge(asker, domain, [record], wanted).walk
        if walk and not walk.passes.is_anybody:
            found |= walk.passes
    return found


def _is_as_good(verdict: Verdict, before: Ranges) -> bool:
    return bool(verdict.walk and verdict.walk.passes and verdict.walk.passes.holds(before))


def _known(wanted: Sequence[Wanted], *, guesses: bool = False) -> list[str]:
    """Words for all of them, for a record that names nobody yet; none where one of them has none."""
    guessed = [each.known or (GUESSED if guesses and not each.esp else ()) for each in wanted]
    return list(dict.fromkeys(word for words in guessed for word in words)) if all(guessed) else []


def _step(records: Sequence[str], wanted: Sequence[Wanted], verdict: Verdict) -> str:
    """One flaw less; "" where that would not be safe."""
    if verdict.flaw is not None:
        return _without_flaw(records, wanted, verdict)
    assert verdict.walk is not None
    [record], walk = records, verdict.walk
    if verdict.reason == DomainReason.SPF_ANYBODY:
        return _without_anybody(record, wanted, verdict)
    if verdict.reason == DomainReason.SPF_NOT_OURS:
        missing = verdict.missing if walk.passes or walk.has_ptr else _known(wanted)
        return terms.adding(record, missing) if missing else ""
    if verdict.reason == DomainReason.SPF_NEUTRAL:
        named = terms.ending(record, SOFT)
        return named if walk.passes or walk.has_macros else terms.adding(named, _known(wanted))
    if verdict.reason == DomainReason.SPF_PTR and _known(wanted):  # else whom it means is anybody's guess
        return terms.ending(terms.made(word for word in terms.words(record) if not terms.is_ptr(word)), SOFT)
    return ""


def _without_flaw(records: Sequence[str], wanted: Sequence[Wanted], verdict: Verdict) -> str:
    flaw = verdict.flaw
    assert flaw is not None
    if flaw.reason == DomainReason.SPF_MISSING:
        senders = _known(wanted, guesses=True)
        return terms.made([*senders, SOFT]) if senders else ""
    if flaw.reason == DomainReason.SPF_VOIDS:
        return terms.without(records[0], flaw.empty) if flaw.empty else ""
    if not flaw.is_own:
        return ""
    if flaw.reason == DomainReason.SPF_SEVERAL:
        return _merged(records)
    if flaw.reason == DomainReason.SPF_SYNTAX:  # whom it was to mean nobody knows
        return terms.ending(terms.without(records[0], [flaw.detail]), SOFT)
    if flaw.reason in (DomainReason.SPF_INCLUDE, DomainReason.SPF_LOOP):  # it lets nobody in
        return terms.without(records[0], [flaw.word])
    return ""


def _without_anybody(record: str, wanted: Sequence[Wanted], verdict: Verdict) -> str:
    """Without the words that let in anybody; behind an include real senders may stand."""
    assert verdict.walk is not None
    wide = verdict.walk.wide
    if any("include:" in word.lower() for word in wide):
        return ""
    kept = terms.ending(terms.without(record, wide), SOFT)
    return kept if len(terms.words(kept)) > 1 else terms.adding(kept, _known(wanted))


def _merged(records: Sequence[str]) -> str:
    """One record for several: all that they name, and an end as mild as the mildest."""
    words = dict.fromkeys(word for record in sorted(records) for word in terms.words(record))
    is_strict = all("-all" in terms.words(record) for record in records)
    return terms.ending(terms.made(words), "-all" if is_strict else SOFT)
