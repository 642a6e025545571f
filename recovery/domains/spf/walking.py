"""The whole tree of one SPF record: what it needs, and whom it lets send (RFC 7208 sections 4.6 and 5).

Its limits are counted as for a mail that nothing matches: that is the mail which meets all of them. Terms are weighed
in their order, as a receiver does: what one matched, none behind it does.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from recovery.domains.asking import Asker
from recovery.domains.found import NotKnown
from recovery.domains.spf import terms
from recovery.domains.spf.ranges import EVERYBODY, NOBODY, Network, Ranges, ranges_of
from recovery.reasons import DomainReason

MOST_LOOKUPS: Final = 10  # RFC 7208 section 4.6.4, as the next two
MOST_VOIDS: Final = 2
MOST_MAIL_SERVERS: Final = 10
MOST_WORDS: Final = 1000  # of a whole tree; no sender has a third of it, and adding up takes its square
HIDDEN: Final = "%"  # in the place of a sign, where a macro leads to the end


class Flawed(Exception):
    """The record does not hold; ``reason`` says why, ``detail`` which part of the tree.

    ``word``: by which of the outermost record's words one comes there. ``is_own``: that word itself is at fault, not
    what it leads to. ``empty``: all its words so far that find nothing.
    """

    def __init__(self, reason: DomainReason, detail: str, *, is_own: bool = False) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.detail = detail
        self.is_own = is_own
        self.word = ""
        self.empty: tuple[str, ...] = ()


@dataclass
class Walk:
    """What the tree of one record needs and allows."""

    words: int = 0
    lookups: int = 0
    voids: int = 0
    networks: list[Network] = field(default_factory=list)  # as they stand there
    passes: Ranges = NOBODY  # who may send after all
    seen: set[str] = field(default_factory=set)  # domains of which whoever passes may send
    has_macros: bool = False
    has_ptr: bool = False
    rest: str = ""  # the sign of "all" at the end of the outermost record; "" without one
    word: str = ""  # of the outermost record, the one that is being looked at
    empty: list[str] = field(default_factory=list)  # those that find nothing
    wide: list[str] = field(default_factory=list)  # those of which one alone lets anybody send

    def look_up(self, term: str) -> None:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise Flawed(DomainReason.SPF_LOOKUPS, term)

    def find_nothing(self, term: str, *, is_own: bool) -> None:
        self.voids += 1
        if is_own:
            self.empty.append(self.word)
        if self.voids > MOST_VOIDS:
            raise Flawed(DomainReason.SPF_VOIDS, term)


def go(asker: Asker, domain: str, records: Sequence[str]) -> Walk:
    """All of it, with these as the domain's own records. Raises Flawed and NotKnown."""
    walk = Walk()
    try:
        walk.passes = _weigh(asker, domain, walk, [], records, allows=True, is_outer=True)
    except Flawed as flaw:
        flaw.word, flaw.empty = walk.word, tuple(walk.empty)
        raise
    return walk


def _follow(asker: Asker, domain: str, walk: Walk, above: list[str], *, allows: bool, is_outer: bool) -> Ranges:
    """Whom the record of a domain that another names lets send."""
    if domain in above:
        raise Flawed(DomainReason.SPF_LOOP, domain, is_own=len(above) == 1)
    texts = asker.texts(domain)
    if not texts:
        walk.find_nothing(domain, is_own=len(above) == 1)
    if allows:
        walk.seen.add(domain)
    return _weigh(asker, domain, walk, above, terms.records(texts), allows=allows, is_outer=is_outer)


def _weigh(
    asker: Asker,
    domain: str,
    walk: Walk,
    above: list[str],
    records: Sequence[str],
    *,
    allows: bool,
    is_outer: bool,
) -> Ranges:
    """One record, term by term. ``allows``: what matches here may send; ``is_outer``: its end is that of all."""
    found, redirect = _parsed(domain, records, above)
    walk.words += len(found)
    if walk.words > MOST_WORDS:
        raise NotKnown(DomainReason.DNS_GARBAGE)
    path, passes, others = [*above, domain], NOBODY, EVERYBODY
    for term in found:
        walk.word = walk.word if above else term[0]
        may_send = term["sign"] in terms.PASSES
        if term["word"].lower() == "all":
            walk.rest = (term["sign"] or "+") if is_outer else walk.rest
            return passes | others if may_send else passes
        matched = _matched(asker, walk, path, term, allows=allows and may_send)
        if may_send and not above and matched.is_anybody:
            walk.wide.append(term[0])
        passes |= matched & others if may_send else NOBODY
        others -= matched
    if redirect:
        walk.word = walk.word if above else redirect
        passes |= _redirected(asker, walk, path, redirect, allows=allows, is_outer=is_outer) & others
    return passes


def _parsed(domain: str, records: Sequence[str], above: list[str]) -> tuple[list[re.Match[str]], str]:
    if len(records) > 1:
        raise Flawed(DomainReason.SPF_SEVERAL, domain, is_own=not above)
    if not records:
        raise Flawed(DomainReason.SPF_INCLUDE if above else DomainReason.SPF_MISSING, domain, is_own=len(above) <= 1)
    try:
        return terms.parsed(records[0])
    except terms.Unreadable as error:
        raise Flawed(DomainReason.SPF_SYNTAX, error.word, is_own=not above) from error


def _redirected(asker: Asker, walk: Walk, path: list[str], redirect: str, *, allows: bool, is_outer: bool) -> Ranges:
    walk.look_up(redirect)
    target = redirect.partition("=")[2].lower().rstrip(".")
    if "%" in target:
        walk.has_macros = True
        walk.rest = HIDDEN if is_outer else walk.rest
        return NOBODY
    return _follow(asker, target, walk, path, allows=allows, is_outer=is_outer)


def _matched(asker: Asker, walk: Walk, path: list[str], term: re.Match[str], *, allows: bool) -> Ranges:
    """One mechanism: what it costs, and whom it means, as far as that is known without a mail."""
    word, target = term["word"].lower(), (term["value"] or path[-1]).lower().rstrip(".")
    if word in ("ip4", "ip6"):
        return _named(walk, [f"{term['value']}{term['cut']}"], allows=allows)
    walk.look_up(term[0])
    if word == "ptr":
        walk.has_ptr = True
    elif "%" in target:
        walk.has_macros = True
    elif word == "include":
        return _follow(asker, target, walk, path, allows=allows, is_outer=False)
    elif word == "mx":
        return _named(walk, _mail_servers(asker, walk, path, term, target), allows=allows)
    else:
        found = asker.addresses(target)
        if word == "exists":  # section 5.7: an A record, whatever the mail came by
            found = [each for each in found if ":" not in each]
        if not found:
            walk.find_nothing(term[0], is_own=len(path) == 1)
        if word == "exists":
            return EVERYBODY if found else NOBODY
        return _named(walk, _cut(found, term["cut"]), allows=allows)
    return NOBODY


def _mail_servers(asker: Asker, walk: Walk, path: list[str], term: re.Match[str], target: str) -> list[str]:
    servers = [name for _, name in asker.mail_servers(target) if name]
    if not servers:
        walk.find_nothing(term[0], is_own=len(path) == 1)
    if len(servers) > MOST_MAIL_SERVERS:
        raise Flawed(DomainReason.SPF_LOOKUPS, term[0])
    return [each for server in servers for each in _cut(asker.addresses(server), term["cut"])]


def _cut(addresses: Sequence[str], cut: str) -> list[str]:
    """Addresses with the lengths of ``/24//64``."""
    four, _, six = cut.partition("//")
    length = {4: four or "/32", 6: f"/{six or 128}"}
    return [f"{each}{length[6 if ':' in each else 4]}" for each in addresses]


def _named(walk: Walk, networks: Sequence[str], *, allows: bool) -> Ranges:
    found = [network for text in networks if (network := terms.network(text))]
    if allows:
        walk.networks += found
    return ranges_of(found)
