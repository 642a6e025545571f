"""An IMAP server with one folder, over TLS: as much of RFC 3501 as reading unseen mails takes."""

import ipaddress
import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PASSWORD = "long and random"


class Folder:
    """What is in it by uid, which of that was seen, and what the server claims of its size.

    A command that is refused is answered NO, a silent one OK and nothing else."""

    def __init__(self, *mails: bytes) -> None:
        self.mails = {str(number): raw for number, raw in enumerate(mails, start=1)}
        self.seen: set[str] = set()
        self.claims: dict[str, int] = {}
        self.fetched: list[str] = []
        self.refused: set[str] = set()
        self.silent: set[str] = set()
        self.port = 0


class Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.folder: Folder = self.server.folder  # type: ignore[attr-defined]
        self.say("* OK ready")
        while line := self.rfile.readline().decode().strip():
            tag, _, command = line.partition(" ")
            self.say(*self.answer(command), f"{tag} {'OK' if self.allowed(command) else 'NO'} done")

    def say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode("latin-1"))

    def allowed(self, command: str) -> bool:
        if command.startswith("LOGIN"):
            return command.endswith(f'ada "{PASSWORD}"')
        return command not in self.folder.refused and (not command.startswith("SELECT") or '"INBOX"' in command)

    def answer(self, command: str) -> list[str]:
        folder = self.folder
        if command in folder.refused | folder.silent:
            return []
        if command == "CAPABILITY":
            return ["* CAPABILITY IMAP4rev1"]
        if command.startswith("SELECT"):
            return [f"* {len(folder.mails)} EXISTS"]
        if command.startswith("UID SEARCH"):
            return [f"* SEARCH {' '.join(uid for uid in folder.mails if uid not in folder.seen)}"]
        if found := re.match(r"UID FETCH (\d+) \(RFC822.SIZE\)", command):
            uid = found[1]
            return [f"* {uid} FETCH (UID {uid} RFC822.SIZE {folder.claims.get(uid, len(folder.mails[uid]))})"]
        if found := re.match(r"UID FETCH (\d+) \(BODY.PEEK\[\]\)", command):
            folder.fetched.append(found[1])
            raw = folder.mails[found[1]]
            return [f"* {found[1]} FETCH (UID {found[1]} BODY[] {{{len(raw)}}}\r\n{raw.decode('latin-1')})"]
        if found := re.match(r"UID STORE (\d+) \+FLAGS.SILENT \(\\Seen\)", command):
            folder.seen.add(found[1])
        return []


@contextmanager
def imap_server(folder: Folder, where: Path) -> Iterator[Path]:
    """Serves ``folder`` at its port; gives the certificate to trust."""
    certificate, key = _certificate(where)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as server:
        server.daemon_threads = True
        server.folder = folder  # type: ignore[attr-defined]
        server.socket = context.wrap_socket(server.socket, server_side=True)
        folder.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield certificate
        finally:
            server.shutdown()


def _certificate(where: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = builder.sign(key, hashes.SHA256())
    (where / "server.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (where / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return where / "server.pem", where / "server.key"
