"""One sender's domain, part by part. What the DNS does not tell is unknown, and keeps no other part from judgement."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from recovery.conf import conf
from recovery.domains import dkim, dmarc, mail_servers, spf
from recovery.domains.asking import Asker
from recovery.domains.found import Finding, NotKnown, overall
from recovery.domains.senders import Sender
from recovery.reasons import DomainPart, DomainReason, Judgement

SIGNS: Final = frozenset(
    {
        DomainReason.DKIM_GOOD,
        DomainReason.DKIM_SHORT,
        DomainReason.DKIM_ED25519,
        DomainReason.DKIM_TESTING,
    }
)
"""Keys with which a signature can be checked."""


@dataclass(frozen=True, slots=True)
class Judged:
    """All that was found of one sender; ``networks``: who may send by its SPF record."""

    sender: Sender
    findings: tuple[Finding, ...]
    networks: tuple[str, ...]

    @property
    def judgement(self) -> Judgement:
        return overall(self.findings)


class Look:
    """One sender, looked at once. ``senders``: all there are, since what is published for a domain holds for each."""

    def __init__(self, asker: Asker, sender: Sender, senders: Sequence[Sender]) -> None:
        self.asker = asker
        self.sender = sender
        self.beside = list(dict.fromkeys(each.wanted for each in senders if each.spf_domain == sender.spf_domain))
        self.networks: list[str] = []
        self.policy: dmarc.Policy | None = None

    def judged(self) -> Judged:
        findings = tuple(self._findings())
        return Judged(self.sender, findings, tuple(self.networks))

    def _findings(self) -> Iterator[Finding]:
        domain, return_path = self.sender.domain, self.sender.return_path
        if not domain:
            yield _made(DomainPart.DOMAIN, Judgement.PROBLEM, DomainReason.NO_SENDER, "")
            return
        yield (there := self._told(DomainPart.DOMAIN, domain, self._domain))
        if there.judgement == Judgement.PROBLEM:
            return
        for each in dict.fromkeys(filter(None, (domain, return_path))):
            yield self._told(DomainPart.MX, each, partial(mail_servers.look, self.asker, each))
        yield (servers := self._told(DomainPart.SPF, self.sender.spf_domain, self._spf))
        keys = list(self._keys())
        yield from keys
        yield self._told(DomainPart.DMARC, domain, self._dmarc)
        yield self._told(DomainPart.ALIGNMENT, domain, partial(self._alignment, keys, servers))
        yield self._sharing()

    def _told(self, part: DomainPart, subject: str, look: Callable[[], Finding]) -> Finding:
        try:
            return look()
        except NotKnown as error:
            return _made(part, Judgement.UNKNOWN, error.reason, subject)

    def _domain(self) -> Finding:
        domain = self.sender.domain
        if self.asker.exists(domain):
            return _made(DomainPart.DOMAIN, Judgement.OK, DomainReason.DOMAIN_FOUND, domain)
        for name in ("_dmarc", *(f"{selector}._domainkey" for selector, _ in self.sender.selectors)):
            self.asker.exists(f"{name}.{domain}")  # a server that knows one of them lies about the domain
        return _made(DomainPart.DOMAIN, Judgement.PROBLEM, DomainReason.DOMAIN_MISSING, domain)

    def _spf(self) -> Finding:
        finding, self.networks = spf.look(self.asker, self.sender.spf_domain, self.sender.wanted, self.beside)
        provider = spf.INCLUDES.get(self.sender.wanted.esp)
        if provider and not self.sender.return_path:
            with suppress(NotKnown):
                self.networks = sorted({*self.networks, *spf.look(self.asker, provider, spf.Wanted())[1]})
        return finding

    def _keys(self) -> Iterator[Finding]:
        if not self.sender.selectors:
            yield _made(DomainPart.DKIM, Judgement.UNKNOWN, DomainReason.DKIM_NOT_NAMED, self.sender.domain)
        for selector, domain in self.sender.selectors:
            subject = f"{selector}._domainkey.{domain}"
            yield self._told(DomainPart.DKIM, subject, partial(dkim.look, self.asker, selector, domain))

    def _dmarc(self) -> Finding:
        finding, self.policy = dmarc.look(self.asker, self.sender.domain)
        return finding

    def _alignment(self, keys: list[Finding], servers: Finding) -> Finding:
        """DMARC wants a signature or a return path that passes, of the sender's domain (RFC 9989 section 4.4)."""
        domain, return_path = self.sender.domain, self.sender.return_path
        signed = [
            signer
            for (_, signer), key in zip(self.sender.selectors, keys, strict=False)
            if key.reason in SIGNS and self._fits(signer, "adkim")
        ]
        if signed:
            return _made(DomainPart.ALIGNMENT, Judgement.OK, DomainReason.ALIGNED, domain, detail=signed[0])
        if unanswered := [key for key in keys if key.reason.value.startswith("dns_")]:
            raise NotKnown(unanswered[0].reason)
        if servers.reason.value.startswith("dns_"):
            raise NotKnown(servers.reason)
        if return_path and servers.judgement != Judgement.PROBLEM and self._fits(return_path, "aspf"):
            reason, judgement = DomainReason.ALIGNED_BY_SPF_ALONE, Judgement.NOTICE
            return _made(DomainPart.ALIGNMENT, judgement, reason, domain, detail=return_path)
        if not self.sender.selectors or not return_path:
            reason = DomainReason.ALIGNMENT_NOT_KNOWN
            return _made(DomainPart.ALIGNMENT, Judgement.UNKNOWN, reason, domain)
        others = ", ".join([return_path, *(signer for _, signer in self.sender.selectors)])
        return Finding(
            part=DomainPart.ALIGNMENT,
            judgement=Judgement.PROBLEM,
            reason=DomainReason.NOT_ALIGNED,
            subject=domain,
            detail=others,
            name=f"{self.sender.selectors[0][0]}._domainkey.{domain}",
            kind="TXT",
            record=dkim.PLACEHOLDER,
        )

    def _fits(self, other: str, tag: str) -> bool:
        strict = bool(self.policy and self.policy.is_strict(tag))
        return dmarc.is_aligned(self.asker, self.sender.domain, other, strict=strict)

    def _sharing(self) -> Finding:
        domain, stream = self.sender.domain, self.sender.stream
        if domain in {str(each).lower() for each in conf.MARKETING_DOMAINS}:
            return _made(DomainPart.SHARING, Judgement.NOTICE, DomainReason.SHARED_DOMAIN, domain)
        if stream and stream in conf.MARKETING_STREAMS:
            return _made(DomainPart.SHARING, Judgement.NOTICE, DomainReason.SHARED_STREAM, stream)
        return _made(DomainPart.SHARING, Judgement.OK, DomainReason.NOT_SHARED, domain)


def _made(part: DomainPart, judgement: Judgement, reason: DomainReason, subject: str, *, detail: str = "") -> Finding:
    return Finding(part=part, judgement=judgement, reason=reason, subject=subject, detail=detail)
