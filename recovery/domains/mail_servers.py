"""Where mail to a domain goes: answers of people, and bounces. RFC 5321 section 5.1, RFC 7505 for "takes no mail"."""

from typing import Final

from recovery.domains.asking import Asker
from recovery.domains.found import Finding
from recovery.reasons import DomainPart, DomainReason, Judgement

PLACEHOLDER: Final = "10 {the name of your mail server}."


def look(asker: Asker, domain: str) -> Finding:
    """Whether a server takes mail to this domain. Raises NotKnown."""
    servers = asker.mail_servers(domain)
    record = PLACEHOLDER
    said = ", ".join(f"{preference} {name or '.'}" for preference, name in servers)
    if any(not name for _, name in servers):
        return _finding(DomainReason.MX_NULL, Judgement.PROBLEM, domain, said, record)
    if not servers:
        if asker.addresses(domain):
            return _finding(DomainReason.MX_IMPLICIT, Judgement.NOTICE, domain, record=f"10 {domain}.")
        return _finding(DomainReason.MX_MISSING, Judgement.PROBLEM, domain, record=record)
    if not any(asker.addresses(name) for _, name in servers):
        return _finding(DomainReason.MX_DEAD, Judgement.PROBLEM, domain, said, record)
    return _finding(DomainReason.MX_FOUND, Judgement.OK, domain, said)


def _finding(reason: DomainReason, judgement: Judgement, domain: str, detail: str = "", record: str = "") -> Finding:
    return Finding(
        part=DomainPart.MX,
        judgement=judgement,
        reason=reason,
        subject=domain,
        detail=detail,
        name=domain if record else "",
        kind="MX" if record else "",
        record=record,
    )
