"""One question to one DNS server, over the network. The only file that knows dnspython; ``asking`` imports it late.

What comes back is believed only as an answer to what was asked: another id or question is waited past (RFC 5452), and
a cut answer is asked for again over TCP (RFC 7766).
"""

import time
from dataclasses import dataclass
from typing import Any, Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from recovery.domains.found import NotKnown
from recovery.reasons import DomainReason

PAYLOAD: Final = 1232  # octets over UDP that no path cuts in pieces: DNS flag day 2020
BELIEVED: Final = frozenset({dns.rcode.NOERROR, dns.rcode.NXDOMAIN})


@dataclass(frozen=True, slots=True)
class Reply:
    """What one name has of one kind. ``exists``: the server did not deny the whole name. ``is_shown``: where it has
    nothing, the server showed whose word that is."""

    exists: bool
    records: tuple[Any, ...] = ()
    is_shown: bool = True


def system_resolvers() -> list[tuple[str, int]]:
    """The DNS servers of this machine. Raises NotKnown where there is none."""
    try:
        found = dns.resolver.Resolver()
    except (dns.exception.DNSException, OSError) as error:
        raise NotKnown(DomainReason.DNS_NOWHERE) from error
    return [(str(server), found.port) for server in found.nameservers]


def is_name(text: str) -> bool:
    """Whether it could stand in the DNS: labels of 63 octets, 253 together."""
    try:
        return len(dns.name.from_text(text).labels) > 1
    except (dns.exception.DNSException, UnicodeError):
        return False


def exchange(name: str, kind: str, *, server: tuple[str, int], within: float) -> Reply:
    """Ask one server once; over TCP again where the answer was cut. Takes ``within`` seconds at most.

    Raises NotKnown for everything that is no clear answer.
    """
    ends = time.monotonic() + within
    try:
        question = dns.message.make_query(name, kind, use_edns=0, payload=PAYLOAD)
        reply = _over_udp(question, server, within)
        if reply is None:
            reply = dns.query.tcp(question, server[0], timeout=max(ends - time.monotonic(), 0.01), port=server[1])
            if reply.flags & dns.flags.TC:
                raise NotKnown(DomainReason.DNS_TRUNCATED)
        return _read(reply, kind)
    except (dns.exception.Timeout, OSError) as error:  # nobody is there
        raise NotKnown(DomainReason.DNS_TIMEOUT) from error
    except (dns.exception.DNSException, EOFError, ValueError) as error:
        raise NotKnown(DomainReason.DNS_GARBAGE) from error


def _over_udp(question: dns.message.Message, server: tuple[str, int], within: float) -> dns.message.Message | None:
    """None: the answer was cut."""
    try:
        return dns.query.udp(
            question,
            server[0],
            timeout=within,
            port=server[1],
            ignore_unexpected=True,
            ignore_errors=True,
            raise_on_truncation=True,
        )
    except dns.message.Truncated:
        return None


def _read(reply: dns.message.Message, kind: str) -> Reply:
    if reply.rcode() not in BELIEVED:
        raise NotKnown(DomainReason.DNS_FAILED)
    assert isinstance(reply, dns.message.QueryMessage)
    try:
        answer = reply.resolve_chaining().answer
    except dns.message.AnswerForNXDOMAIN as error:
        raise NotKnown(DomainReason.DNS_LIES) from error
    if answer is not None:
        return Reply(exists=True, records=tuple(_value(kind, record) for record in answer))
    if not reply.flags & (dns.flags.RA | dns.flags.AA):
        raise NotKnown(DomainReason.DNS_FAILED)  # it sends us on to others, and asks nobody itself
    is_denied = reply.rcode() == dns.rcode.NXDOMAIN
    return Reply(exists=not is_denied, is_shown=is_denied or _has_soa(reply))


def _has_soa(reply: dns.message.Message) -> bool:
    """RFC 2308 section 3: who has no such data for a name must say for which zone that is. What merely drops records
    on the way does not."""
    return any(each.rdtype == dns.rdatatype.SOA for each in reply.authority)


def _value(kind: str, record: Any) -> Any:
    if kind == "TXT":
        # The strings of one record belong together without a blank: RFC 7208 section 3.3, RFC 6376 section 3.6.2.2.
        return b"".join(record.strings).decode("ascii", "replace")
    if kind == "MX":
        return record.preference, record.exchange.to_text(omit_final_dot=True).lower().strip(".")
    return record.to_text()
