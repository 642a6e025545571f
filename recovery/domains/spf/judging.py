"""What is to be said of an SPF record, whether it stands in the DNS or is only a proposal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from recovery.domains.asking import Asker
from recovery.domains.spf import terms, walking
from recovery.domains.spf.ranges import Network, ranges_of
from recovery.domains.spf.walking import Flawed, Walk
from recovery.reasons import DomainReason, Judgement

INCLUDES: Final = {
    "amazon_ses": "amazonses.com", "brevo": "spf.brevo.com", "mailersend": "_spf.mailersend.net",
    "mailgun": "mailgun.org", "mailjet": "spf.mailjet.com", "mandrill": "spf.mandrillapp.com",
    "postmark": "spf.mtasv.net", "resend": "amazonses.com", "sendgrid": "sendgrid.net",
    "sparkpost": "_spf.sparkpostmail.com",
}  # fmt: skip
"""What each provider's documentation tells its customers to include."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who sends for the domain as the settings know it: a provider, and servers of the site's own. ``returns_here``:
    mail bounces to this domain, so that receivers hold the sending server against its record."""

    esp: str = ""
    networks: tuple[Network, ...] = ()
    returns_here: bool = False

    @property
    def known(self) -> list[str]:
        named = [f"include:{INCLUDES[self.esp]}"] if self.esp in INCLUDES else []
        return named + [f"ip{network.version}:{terms.short(network)}" for network in self.networks]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``walk`` of a record that holds, else the ``flaw``; ``missing``: words that would let in who is left out."""

    judgement: Judgement
    reason: DomainReason
    walk: Walk | None = None
    flaw: Flawed | None = None
    missing: tuple[str, ...] = ()


def judge(asker: Asker, domain: str, records: Sequence[str], wanted: Sequence[Wanted]) -> Verdict:
    """Of these records, as if they stood at the domain, for all these senders. Raises NotKnown."""
    try:
        walk = walking.go(asker, domain, records)
    except Flawed as flaw:
        return Verdict(Judgement.PROBLEM, flaw.reason, flaw=flaw)
    if walk.rest == "+" or walk.passes.is_anybody:
        return Verdict(Judgement.PROBLEM, DomainReason.SPF_ANYBODY, walk)
    if not walk.has_macros and (found := _of_ours(asker, walk, wanted)):
        return found
    if walk.rest in ("?", ""):
        return Verdict(Judgement.NOTICE, DomainReason.SPF_NEUTRAL, walk)
    if walk.has_ptr:
        return Verdict(Judgement.NOTICE, DomainReason.SPF_PTR, walk)
    if walk.has_macros:
        return Verdict(Judgement.NOTICE, DomainReason.SPF_MACRO, walk)
    return Verdict(Judgement.OK, DomainReason.SPF_GOOD, walk)


def _of_ours(asker: Asker, walk: Walk, wanted: Sequence[Wanted]) -> Verdict | None:
    """The first sender that is missed for sure, or else the first that probably is."""
    found = [verdict for each in wanted if (verdict := _of_one(asker, walk, each))]
    sure = [verdict for verdict in found if verdict.judgement == Judgement.PROBLEM]
    return next(iter(sure or found), None)


def _of_one(asker: Asker, walk: Walk, wanted: Wanted) -> Verdict | None:
    """Where it does not let in whom the settings know: for sure by an address, probably by the provider's name."""
    out = [each for each in wanted.networks if not walk.passes.holds(ranges_of([each]))]
    missing = tuple(f"ip{network.version}:{terms.short(network)}" for network in out)
    lets_nobody_in = not walk.passes and not walk.has_ptr and walk.rest in ("-", "~")
    if missing or (wanted.returns_here and lets_nobody_in):
        return Verdict(Judgement.PROBLEM, DomainReason.SPF_NOT_OURS, walk, missing=missing or tuple(wanted.known))
    if wanted.returns_here and not wanted.networks and _leaves_out(asker, walk, wanted.esp):
        return Verdict(Judgement.NOTICE, DomainReason.SPF_NOT_OURS, walk, missing=tuple(wanted.known))
    return None


def _leaves_out(asker: Asker, walk: Walk, esp: str) -> bool:
    """Whether neither the provider's record is reached nor any of its servers named otherwise, as where the return
    path is an alias of a name of the provider's with a record of its own."""
    name = INCLUDES.get(esp)
    if name is None or name in walk.seen:
        return False
    try:
        return not walk.passes & walking.go(asker, name, terms.records(asker.texts(name))).passes
    except Flawed:
        return True
