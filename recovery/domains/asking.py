"""What the DNS says, or that nobody knows: one overall deadline, each question once, and no answer that cannot be true.

A server that denies everything, that makes up what cannot exist, that denies a name and knows one below it, or that
has nothing and shows not whose word that is, is broken: then the answer is "unknown", never "there is no record".
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final

from recovery.conf import conf
from recovery.domains.found import NotKnown
from recovery.exceptions import Misconfigured
from recovery.reasons import DomainReason

ROUNDS: Final = 2  # a packet may be lost
NO_NAMES: Final = "invalid"  # RFC 6761 section 6.4: nothing below it exists, anywhere
LOST: Final = frozenset({DomainReason.DNS_TIMEOUT, DomainReason.DNS_GARBAGE})
Server = tuple[str, int]


class Asker:
    """Asks for one look at all domains. Every method raises NotKnown where no answer can be believed."""

    def __init__(self) -> None:
        self._wire = wire()
        given: Mapping[str, Any] = conf.DNS
        self._within = given["answer_within"].total_seconds()
        self._ends = time.monotonic() + given["deadline"].total_seconds()
        self._given: Sequence[str] = given["resolvers"]
        self._servers: list[Server] | None = None
        self._known: dict[tuple[str, str], Any] = {}
        self._broken: DomainReason | None = None
        self._was_told = False  # anything that is there

    def texts(self, name: str) -> list[str]:
        return list(self._ask(name, "TXT").records)

    def mail_servers(self, name: str) -> list[tuple[int, str]]:
        """Preference and name of each; the name is "" where the domain takes no mail (RFC 7505)."""
        return sorted(self._ask(name, "MX").records)

    def addresses(self, name: str) -> list[str]:
        return [*self._ask(name, "A").records, *self._ask(name, "AAAA").records]

    def exists(self, name: str) -> bool:
        return bool(self._ask(name, "TXT").exists)

    def is_name(self, text: str) -> bool:
        return bool(self._wire.is_name(text))

    def _ask(self, name: str, kind: str) -> Any:
        name = name.rstrip(".").lower()
        if not self.is_name(name):
            return self._wire.Reply(exists=False)
        key = (name, kind)
        if self._broken:
            raise NotKnown(self._broken)
        if key not in self._known:
            try:
                self._known[key] = self._believed(name, kind)
            except NotKnown as error:
                self._known[key] = error
        if isinstance(self._known[key], NotKnown):
            raise NotKnown(self._known[key].reason)
        return self._known[key]

    def _believed(self, name: str, kind: str) -> Any:
        reply = self._of_any(name, kind)
        if reply.records:
            self._doubt_made_up(kind)
            self._was_told = True
        else:
            self._doubt_emptiness(name, kind, reply)
            self._doubt_deniers()
            self._doubt_denied(name, kind)
        self._doubt_order(name, exists=reply.exists)
        return reply

    def _doubt_made_up(self, kind: str) -> None:
        """Whoever answers everything, as a captive portal does, also knows what cannot exist.

        A cache in front of it answers below NO_NAMES by itself, so that a domain at the top which nobody has is asked
        for too (of the 2^64 there are, the root knows 1500).
        """
        key = (NO_NAMES, kind)
        if key in self._known:
            return
        self._known[key] = None
        for top in (NO_NAMES, f"x{secrets.token_hex(8)}"):
            try:
                made_up = self._of_any(f"recovery-{secrets.token_hex(8)}.{top}", kind).records
            except NotKnown:
                continue  # it does not want to be asked that, which is no lie
            if made_up:
                self._give_up(DomainReason.DNS_LIES)

    def _doubt_emptiness(self, name: str, kind: str, reply: Any) -> None:
        """A filter that drops what it does not like leaves an empty answer behind (RFC 2308 section 2.2). Some caches
        forget the rest of an honest one too; they are believed where the name has an address of the other kind."""
        has_other = kind == "AAAA" and bool(getattr(self._known.get((name, "A")), "records", None))
        if not reply.is_shown and not has_other:
            raise NotKnown(DomainReason.DNS_GARBAGE)

    def _doubt_deniers(self) -> None:
        """Whoever never told of anything that is there must know the root, which is there for everybody."""
        if not self._was_told and not self._of_any(".", "NS").records:
            self._give_up(DomainReason.DNS_LIES)
        self._was_told = True

    def _doubt_denied(self, name: str, kind: str) -> None:
        """That there is nothing is believed where the second server, if there is one, says so too."""
        for server in self._all_servers()[1:2]:
            try:
                other = self._of(server, name, kind)
            except NotKnown:
                continue
            if other.records:
                raise NotKnown(DomainReason.DNS_DISAGREES)

    def _doubt_order(self, name: str, *, exists: bool) -> None:
        """Below a name that does not exist there is nothing (RFC 8020)."""
        told = {known: reply for (known, _), reply in self._known.items() if hasattr(reply, "exists")}
        below = any(known.endswith(f".{name}") and reply.exists for known, reply in told.items())
        above = any(name.endswith(f".{known}") and not reply.exists for known, reply in told.items())
        if (not exists and below) or (exists and above):
            self._give_up(DomainReason.DNS_LIES)

    def _give_up(self, reason: DomainReason) -> None:
        self._broken = reason
        raise NotKnown(reason)

    def _of_any(self, name: str, kind: str) -> Any:
        """The first server that answers, each asked twice."""
        reason = DomainReason.DNS_TIMEOUT
        for _ in range(ROUNDS):
            for server in self._all_servers():
                try:
                    return self._of(server, name, kind)
                except NotKnown as error:
                    reason = error.reason
            if reason not in LOST:
                break
        if reason in LOST and not self._was_told:
            self._give_up(reason)  # nobody is there: the others need not wait as long
        raise NotKnown(reason)

    def _of(self, server: Server, name: str, kind: str) -> Any:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise NotKnown(DomainReason.DNS_TIMEOUT)
        return self._wire.exchange(name, kind, server=server, within=min(self._within, left))

    def _all_servers(self) -> list[Server]:
        if self._servers is None:
            self._servers = [place(text) for text in self._given] or self._wire.system_resolvers()
        return self._servers


def place(text: str) -> Server:
    """``192.0.2.1``, ``192.0.2.1:5353`` or ``[2001:db8::1]:5353``."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, int(port.removeprefix(":") or 53)
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, int(port)
    return text, 53


def is_installed() -> bool:
    """Whether dnspython is there, without which nothing can be asked."""
    return find_spec("dns") is not None


def wire() -> ModuleType:
    """The room that knows dnspython. Raises Misconfigured where it is not installed."""
    try:
        from recovery.domains import wire as found
    except ImportError as error:
        raise Misconfigured(
            "Looking at sending domains needs dnspython: pip install 'django-account-recovery[dns]'."
        ) from error
    return found
