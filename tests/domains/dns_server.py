"""A DNS server on loopback, over UDP and TCP: honest about a few records, or broken in one of the ways they break."""

import contextlib
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

Zone = Mapping[tuple[str, str], Sequence[str]]
SOA = "ns.example. admin.example. 1 3600 600 86400 300"


class Server:
    """``asked``: every question, as ``(name, type)``."""

    def __init__(self, zone: Zone, mode: str = "honest") -> None:
        self.zone = {(name.lower(), kind): list(texts) for (name, kind), texts in zone.items()}
        self.mode = mode
        self.asked: list[tuple[str, str]] = []
        self.port = 0

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answer(self, wire: bytes, *, over_tcp: bool) -> bytes | None:
        question = dns.message.from_wire(wire)
        [asked] = question.question
        name, kind = asked.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(asked.rdtype)
        self.asked.append((name, kind))
        broken: Callable[..., bytes | None] | None = getattr(self, f"_{self.mode}", None)
        if broken is not None:
            return broken(question, name, kind, over_tcp)
        return self._honest(question, name, kind, over_tcp)

    def _honest(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        reply = self._reply(question)
        self._fill(reply, name or ".", kind)
        made: bytes = reply.to_wire()
        return made

    def _reply(self, question: Any) -> dns.message.Message:
        reply = dns.message.make_response(question, recursion_available=True)
        reply.flags |= dns.flags.RA
        return reply

    def _fill(self, reply: dns.message.Message, name: str, kind: str) -> None:
        if name == "." and kind == "NS":
            self._add(reply, ".", "NS", ["a.root-servers.example."])
            return
        if target := self.zone.get((name, "CNAME")):
            self._add(reply, name, "CNAME", target)
            name = target[0].rstrip(".").lower()
        if texts := self.zone.get((name, kind)):
            self._add(reply, name, kind, texts)
            return
        if not any(known == name or known.endswith(f".{name}") for known, _ in self.zone):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        top = dns.name.from_text(name).split(2)[1] if name else dns.name.root
        reply.authority.append(dns.rrset.from_text(top, 60, dns.rdataclass.IN, "SOA", SOA))

    def _add(self, reply: dns.message.Message, name: str, kind: str, texts: Sequence[str]) -> None:
        values = [quoted(text) for text in texts] if kind == "TXT" else list(texts)
        owner = dns.name.from_text(name)
        reply.answer.append(dns.rrset.from_text(owner, 60, dns.rdataclass.IN, kind, *values))

    # How they break.

    def _silent(self, question: Any, name: str, kind: str, over_tcp: bool) -> None:
        return None

    def _slow(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        time.sleep(0.05)  # a server that is slow, and answers
        return self._honest(question, name, kind, over_tcp)

    def _servfail(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        reply = self._reply(question)
        reply.set_rcode(dns.rcode.SERVFAIL)
        made: bytes = reply.to_wire()
        return made

    def _refused(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        reply = self._reply(question)
        reply.set_rcode(dns.rcode.REFUSED)
        made: bytes = reply.to_wire()
        return made

    def _wrong_id(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        made = self._honest(question, name, kind, over_tcp)
        return struct.pack("!H", (question.id + 1) % 65536) + made[2:]

    def _wrong_question(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        other = dns.message.make_query("other.example.net", kind)
        other.id = question.id
        reply = self._reply(other)
        self._add(reply, "other.example.net", "TXT", ["v=spf1 +all"])
        made: bytes = reply.to_wire()
        return made

    def _garbage(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        return struct.pack("!H", question.id) + b"\xff" * 30

    def _cut(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        """Cut over UDP, whole over TCP, as it should be."""
        return (
            self._honest(question, name, kind, over_tcp) if over_tcp else self._truncated(question, name, kind, False)
        )

    def _truncated(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        reply = self._reply(question)
        reply.flags |= dns.flags.TC
        made: bytes = reply.to_wire()
        return made

    def _cut_garbage(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        return (self._garbage if over_tcp else self._truncated)(question, name, kind, over_tcp)

    def _no_texts(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        """A filter on the way drops what it does not know."""
        return (self._bare if kind == "TXT" else self._honest)(question, name, kind, over_tcp)

    def _bare(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        made: bytes = self._reply(question).to_wire()
        return made

    def _forgetful(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        """A cache that keeps that there is no address of six, and not whose word that was."""
        return (self._bare if kind == "AAAA" else self._honest)(question, name, kind, over_tcp)

    def _makes_up_behind_a_cache(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        """The cache answers by itself what RFC 6761 section 6.4 lets it, and the root."""
        is_own = name in ("", ".") or name.endswith(".invalid")
        return (self._honest if is_own else self._makes_up)(question, name, kind, over_tcp)

    def _denies_all(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        reply = self._reply(question)
        reply.set_rcode(dns.rcode.NXDOMAIN)
        made: bytes = reply.to_wire()
        return made

    def _makes_up(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        """A portal: whatever is asked for leads to it."""
        reply = self._reply(question)
        made_up = {"TXT": "v=spf1 +all", "A": "10.0.0.1", "AAAA": "fd00::1", "MX": "10 portal.example."}
        if kind in made_up:
            self._add(reply, name, kind, [made_up[kind]])
        made: bytes = reply.to_wire()
        return made

    def _denies_and_answers(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        reply = self._reply(question)
        self._fill(reply, name or ".", kind)
        if name not in ("", "."):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        made: bytes = reply.to_wire()
        return made

    def _denies_the_domain(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        """What stands below the domain is told all the same."""
        is_below = name.count(".") > 2 or name in ("", ".")
        return (self._honest if is_below else self._denies_all)(question, name, kind, over_tcp)

    def _hides_keys(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        return (self._servfail if "_domainkey" in name else self._honest)(question, name, kind, over_tcp)

    def _sends_on(self, question: Any, name: str, kind: str, over_tcp: bool) -> bytes:
        reply = dns.message.make_response(question)
        reply.authority.append(
            dns.rrset.from_text(dns.name.from_text("example."), 60, dns.rdataclass.IN, "NS", "ns.example.")
        )
        made: bytes = reply.to_wire()
        return made


def quoted(text: str) -> str:
    """Strings of 255 octets at most, as zone files have long records."""
    parts = [text[start : start + 255] for start in range(0, len(text), 255)] or [""]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)


class _Udp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        wire, sock = self.request
        made = self.server.dns.answer(wire, over_tcp=False)  # type: ignore[attr-defined]
        if made is not None:
            sock.sendto(made, self.client_address)


class _Tcp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        [length] = struct.unpack("!H", self.rfile.read(2))
        made = self.server.dns.answer(self.rfile.read(length), over_tcp=True)  # type: ignore[attr-defined]
        if made is not None:
            self.wfile.write(struct.pack("!H", len(made)) + made)


@contextlib.contextmanager
def serving(zone: Zone, mode: str = "honest") -> Iterator[Server]:
    """One that listens on the same port by both ways, until the block ends."""
    server = Server(zone, mode)
    udp, tcp = _bound()
    threads = []
    for each in (udp, tcp):
        each.dns = server  # type: ignore[attr-defined]
        each.daemon_threads = True
        threads.append(threading.Thread(target=each.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True))
    server.port = udp.server_address[1]
    for thread in threads:
        thread.start()
    try:
        yield server
    finally:
        for each in (udp, tcp):
            each.shutdown()
            each.server_close()


def _bound() -> tuple[socketserver.ThreadingUDPServer, socketserver.ThreadingTCPServer]:
    for _ in range(20):
        udp = socketserver.ThreadingUDPServer(("127.0.0.1", 0), _Udp)
        try:
            return udp, socketserver.ThreadingTCPServer(udp.server_address, _Tcp)  # type: ignore[arg-type]
        except OSError:  # somebody else's TCP port
            udp.server_close()
    raise OSError("no port is free for both")
