"""A provider on this machine that a process takes for Postmark in the internet: it stands in as the proxy that the
environment names, under a certificate that the environment has it trust. Nothing in the process itself is changed."""

import json
import queue
import ssl
import threading
import uuid
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils import timezone

HOST: Final = "api.postmarkapp.com"


class Postmark:
    """``environment`` leads a process here; ``mails`` holds each mail's JSON, with the call's headers, as it comes."""

    def __init__(self, folder: Path) -> None:
        self.mails: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.folder = folder
        certificate = _certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(context, self.mails))
        self._server.daemon_threads = True
        proxy = f"http://127.0.0.1:{self._server.server_port}"
        self.environment = {
            **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), proxy),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), ""),
            "REQUESTS_CA_BUNDLE": str(certificate),
        }

    def __enter__(self) -> "Postmark":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(context: ssl.SSLContext, mails: "queue.SimpleQueue[dict[str, Any]]") -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            self.send_response_only(200)
            self.end_headers()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", buffering=0)  # type: ignore[assignment]
            self.close_connection = False  # what asks for the way may speak HTTP/1.0

        def do_POST(self) -> None:
            posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            taken = posted if isinstance(posted, list) else [posted]
            for mail in taken:
                mails.put({**mail, "token": self.headers["X-Postmark-Server-Token"]})
            answers = [
                {"To": mail["To"], "MessageID": str(uuid.uuid4()), "ErrorCode": 0, "Message": "OK"} for mail in taken
            ]
            body = json.dumps(answers if isinstance(posted, list) else answers[0]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Nothing: what came is in ``mails``."""

    return Handler


def _certificate(folder: Path) -> Path:
    """Key and certificate of the provider's host in one file, which is its own authority, for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only",
         "decipher_only"), False
    )  # fmt: skip
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(timezone.now() - timedelta(minutes=5))
        .not_valid_after(timezone.now() + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=True, **usage), critical=True)
        .add_extension(own, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "postmark.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
