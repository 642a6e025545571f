"""Which servers may send for a domain: its SPF record read as RFC 7208 says, without a mail at hand.

The whole tree is walked and its limits are counted as for a mail that nothing matches: that is the mail which meets
all of them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from recovery.domains.asking import Asker
from recovery.domains.found import Finding
from recovery.reasons import DomainPart, DomainReason, Judgement

MOST_LOOKUPS: Final = 10  # RFC 7208 section 4.6.4, as the next two
MOST_VOIDS: Final = 2
MOST_MAIL_SERVERS: Final = 10
VERSION: Final = "v=spf1"
_TERM: Final = re.compile(
    r"(?P<sign>[+?~-]?)(?P<word>all|include|a|mx|ptr|ip4|ip6|exists)"
    r"(?::(?P<value>[^/]+))?(?P<cut>(?:/\d{1,3})?(?://\d{1,3})?)",
    re.IGNORECASE,
)
_MODIFIER: Final = re.compile(r"(?P<word>[a-z][a-z0-9_.-]*)=(?P<value>.*)", re.IGNORECASE)
INCLUDES: Final = {
    "amazon_ses": "amazonses.com", "brevo": "spf.brevo.com", "mailersend": "_spf.mailersend.net",
    "mailgun": "mailgun.org", "mailjet": "spf.mailjet.com", "mandrill": "spf.mandrillapp.com",
    "postmark": "spf.mtasv.net", "resend": "amazonses.com", "sendgrid": "sendgrid.net",
    "sparkpost": "_spf.sparkpostmail.com",
}  # fmt: skip
"""What each provider's documentation tells its customers to include."""

Network = IPv4Network | IPv6Network


class Flawed(Exception):
    """The record does not hold; ``reason`` says why, ``detail`` which part of it."""

    def __init__(self, reason: DomainReason, detail: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.detail = detail


@dataclass
class Walk:
    """What the tree of one record needs and allows."""

    lookups: int = 0
    voids: int = 0
    networks: list[Network] = field(default_factory=list)
    has_macros: bool = False
    has_ptr: bool = False
    rest: str = ""  # the sign of "all" at the end of the outermost record; "" without one

    def look_up(self, term: str) -> None:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise Flawed(DomainReason.SPF_LOOKUPS, term)

    def find_nothing(self, term: str) -> None:
        self.voids += 1
        if self.voids > MOST_VOIDS:
            raise Flawed(DomainReason.SPF_VOIDS, term)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who sends for the domain as the settings know it: a provider, and servers of the site's own."""

    esp: str = ""
    networks: tuple[Network, ...] = ()

    @property
    def terms(self) -> list[str]:
        named = [f"include:{INCLUDES[self.esp]}"] if self.esp in INCLUDES else []
        own = [f"ip{network.version}:{_short(network)}" for network in self.networks]
        return named + own or ["mx", "a"]


def look(asker: Asker, domain: str, wanted: Wanted) -> tuple[Finding, list[str]]:
    """The finding, and the networks that the record lets send. Raises NotKnown."""
    walk, records = Walk(), _records(asker.texts(domain))
    try:
        _follow(asker, domain, walk, [], allows=True, is_outer=True)
    except Flawed as flaw:
        return _problem(flaw, domain, records, wanted), []
    reason, judgement, record = DomainReason.SPF_GOOD, Judgement.OK, ""
    if walk.rest == "+":
        reason, judgement = DomainReason.SPF_ANYBODY, Judgement.PROBLEM
        record = _ending(records[0], "~all")
    elif missing := [network for network in wanted.networks if not _holds(walk.networks, network)]:
        reason, judgement = DomainReason.SPF_NOT_OURS, Judgement.PROBLEM
        record = _with(records[0], [f"ip{network.version}:{_short(network)}" for network in missing])
    elif walk.rest in ("?", ""):
        reason, judgement, record = DomainReason.SPF_NEUTRAL, Judgement.NOTICE, _ending(records[0], "~all")
    elif walk.has_ptr:
        reason, judgement = DomainReason.SPF_PTR, Judgement.NOTICE
        record = _without_ptr(records[0])
    elif walk.has_macros:
        reason, judgement = DomainReason.SPF_MACRO, Judgement.NOTICE
    networks = sorted({_short(network) for network in walk.networks})
    return _finding(judgement, reason, domain, detail=records[0], record=record), networks


def _records(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if text.lower() == VERSION or text.lower().startswith(f"{VERSION} ")]


def _follow(asker: Asker, domain: str, walk: Walk, above: list[str], *, allows: bool, is_outer: bool) -> None:
    """One record and what it names. ``allows``: what matches here may send; ``is_outer``: its end is that of all."""
    if domain in above:
        raise Flawed(DomainReason.SPF_LOOP, domain)
    texts = asker.texts(domain)
    records = _records(texts)
    if above and not texts:
        walk.find_nothing(domain)
    if len(records) > 1:
        raise Flawed(DomainReason.SPF_SEVERAL, domain)
    if not records:
        raise Flawed(DomainReason.SPF_INCLUDE if above else DomainReason.SPF_MISSING, domain)
    terms, redirect = _parsed(records[0])
    path = [*above, domain]
    for term in terms:
        if term["word"].lower() == "all":
            walk.rest = (term["sign"] or "+") if is_outer else walk.rest
            return
        _take(asker, walk, path, term, allows=allows and term["sign"] in ("", "+"))
    if redirect:
        walk.look_up(f"redirect={redirect}")
        if "%" in redirect:
            walk.has_macros = True
        else:
            _follow(asker, redirect.lower().rstrip("."), walk, path, allows=allows, is_outer=is_outer)


def _parsed(record: str) -> tuple[list[re.Match[str]], str]:
    """Its mechanisms, and where it redirects. Raises Flawed for what RFC 7208 section 12 does not know."""
    terms, redirects = list[re.Match[str]](), list[str]()
    for word in record.split(" ")[1:]:
        if not word:
            continue
        term, modifier = _TERM.fullmatch(word), _MODIFIER.fullmatch(word)
        if term and _is_sound(term):
            terms.append(term)
        elif modifier and modifier["word"].lower() == "redirect" and modifier["value"]:
            redirects.append(modifier["value"])
        elif not modifier or modifier["word"].lower() == "redirect":
            raise Flawed(DomainReason.SPF_SYNTAX, word)
    if len(redirects) > 1:
        raise Flawed(DomainReason.SPF_SYNTAX, f"redirect={redirects[1]}")
    return terms, "".join(redirects)


def _is_sound(term: re.Match[str]) -> bool:
    word, value, cut = term["word"].lower(), term["value"], term["cut"]
    if word in ("ip4", "ip6"):
        network = _network(f"{value}{cut}")
        return network is not None and f"ip{network.version}" == word
    if word == "all":
        return not value and not cut
    if word in ("include", "exists"):
        return bool(value) and not cut
    return word != "ptr" or not cut


def _take(asker: Asker, walk: Walk, path: list[str], term: re.Match[str], *, allows: bool) -> None:
    """One mechanism: what it costs, and what it lets send."""
    word, target = term["word"].lower(), (term["value"] or path[-1]).lower().rstrip(".")
    if word in ("ip4", "ip6"):
        _allow(walk, [f"{term['value']}{term['cut']}"], allows=allows)
        return
    walk.look_up(term[0])
    if word == "ptr":
        walk.has_ptr = True
    elif "%" in target:
        walk.has_macros = True
    elif word == "include":
        _follow(asker, target, walk, path, allows=allows, is_outer=False)
    elif word == "mx":
        _allow_mail_servers(asker, walk, term, target, allows=allows)
    else:
        found = asker.addresses(target)
        if not found:
            walk.find_nothing(term[0])
        _allow(walk, _cut(found, term["cut"]), allows=allows and word == "a")


def _allow_mail_servers(asker: Asker, walk: Walk, term: re.Match[str], target: str, *, allows: bool) -> None:
    servers = [name for _, name in asker.mail_servers(target) if name]
    if not servers:
        walk.find_nothing(term[0])
    if len(servers) > MOST_MAIL_SERVERS:
        raise Flawed(DomainReason.SPF_LOOKUPS, term[0])
    for server in servers:
        _allow(walk, _cut(asker.addresses(server), term["cut"]), allows=allows)


def _cut(addresses: Sequence[str], cut: str) -> list[str]:
    """Addresses with the lengths of ``/24//64``."""
    four, _, six = cut.partition("//")
    length = {4: four or "/32", 6: f"/{six or 128}"}
    return [f"{each}{length[6 if ':' in each else 4]}" for each in addresses]


def _allow(walk: Walk, networks: Sequence[str], *, allows: bool) -> None:
    if allows:
        walk.networks += [network for text in networks if (network := _network(text))]


def _network(text: str) -> Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _short(network: Network) -> str:
    """Without the length where it is one address."""
    return str(network.network_address if network.num_addresses == 1 else network)


def _holds(networks: Sequence[Network], wanted: Network) -> bool:
    return any(
        wanted.version == network.version
        and int(network.network_address) <= int(wanted.network_address)
        and int(wanted.broadcast_address) <= int(network.broadcast_address)
        for network in networks
    )


def _problem(flaw: Flawed, domain: str, records: Sequence[str], wanted: Wanted) -> Finding:
    """Each flaw with the record that has it no more."""
    own = " ".join(records[:1])
    if flaw.reason == DomainReason.SPF_SEVERAL and len(records) > 1:
        record = _merged(records)
    elif own and flaw.detail and flaw.reason != DomainReason.SPF_LOOKUPS:
        record = _made([word for word in own.split()[1:] if flaw.detail.lower() not in word.lower()], wanted)
    else:
        record = _made(["~all"], wanted)
    return _finding(Judgement.PROBLEM, flaw.reason, domain, detail=flaw.detail, record=record)


def _made(words: Sequence[str], wanted: Wanted) -> str:
    """A record of these words; where they name no server, with those that the settings know."""
    kept = [word for word in words if not _is_end(word)]
    end = next((word for word in words if _is_end(word)), "~all")
    return " ".join([VERSION, *(kept or wanted.terms), end])


def _is_end(word: str) -> bool:
    return word.lower().lstrip("+-~?") == "all"


def _merged(records: Sequence[str]) -> str:
    """One record for several: all that they name, and the strictest end that lets nobody else in."""
    words = list(dict.fromkeys(word for record in sorted(records) for word in record.split()[1:]))
    ends = [word for word in words if _is_end(word)]
    return " ".join([VERSION, *(word for word in words if not _is_end(word)), "-all" if "-all" in ends else "~all"])


def _ending(record: str, end: str) -> str:
    return " ".join([*(word for word in record.split() if not _is_end(word)), end])


def _with(record: str, terms: Sequence[str]) -> str:
    version, *words = record.split()
    return " ".join([version, *terms, *words])


def _without_ptr(record: str) -> str:
    return " ".join(word for word in record.split() if not re.fullmatch(r"[+?~-]?ptr(:.*)?", word, re.IGNORECASE))


def _finding(judgement: Judgement, reason: DomainReason, domain: str, *, detail: str, record: str) -> Finding:
    return Finding(
        part=DomainPart.SPF,
        judgement=judgement,
        reason=reason,
        subject=domain,
        detail=detail,
        name=domain if record else "",
        kind="TXT" if record else "",
        record=record,
    )
