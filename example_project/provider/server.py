"""The sockets: Postmark's two sending endpoints, the ledger as JSON, and the inbox, on one loopback port.

What an answer says is in ``postmark``, what a page shows in ``inbox``. Faults are acted out here.
"""

import json
import socket
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from example_project.provider import inbox, postmark
from example_project.provider.callbacks import Callbacks
from example_project.provider.fates import Record
from example_project.provider.faults import FAULTS, OK, Ending, Fault
from example_project.provider.ledger import Ledger
from example_project.provider.listening import HOST, Listener

# Of a provider that exists on this machine only.
TOKEN = "demo-server-token"  # noqa: S105
ENDPOINTS = {"/email": False, "/email/batch": True}
SEARCH = "/messages/outbound"


class Provider:
    """A running provider. ``pace`` scales the time until events: 0.1 is ten times as fast, for tests.

    ``honours_key``: a call with an ``Idempotency-Key`` that it knows gets the first answer again and makes no mail.
    ``askable``: it can be searched for what it accepted.
    """

    def __init__(
        self, server: Listener, *, token: str, webhook_url: str, secret: str, webhooks: bool, pace: float
    ) -> None:
        self.token = token
        self.webhook_url = webhook_url
        self.secret = secret
        self.webhooks = webhooks
        self.pace = pace
        self.honours_key = False
        self.askable = True
        self.ledger = Ledger()
        self.firsts: dict[str, Any] = {}  # the answer to the first call with each key
        self.keys = threading.Lock()
        self.stopped = threading.Event()
        self._fault = OK
        self._left: int | None = None
        self._since = 0.0
        self._let_go = threading.Event()
        self._lock = threading.Lock()
        self._server = server
        self._server.provider = self
        self.port: int = self._server.server_address[1]
        self.url = f"http://{HOST}:{self.port}/"
        self.callbacks = Callbacks(self.ledger, self._where)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="provider", daemon=True
        )
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def mode(
        self, name: str, *, times: int | None = None, retry_after: str | None = None, seconds: float | None = None
    ) -> None:
        """Misbehaves from now on, or for the next ``times`` calls; ``mode("ok")`` ends it. Names as in ``FAULTS``."""
        fault = FAULTS[name]
        with self._lock:
            self._fault = replace(fault, retry_after=retry_after, seconds=fault.seconds if seconds is None else seconds)
            self._left = times
            self._since = time.monotonic()
            self._let_go.clear()

    def let_go(self) -> None:
        """Answers all calls that "hold" keeps waiting."""
        self._let_go.set()

    def held_back(self, fault: Fault) -> None:
        """Returns when a call with this fault may be answered, or ended."""
        if fault.ending is Ending.HANG:
            self.stopped.wait(fault.seconds or None)
        elif fault.ending is Ending.HOLD:
            self._let_go.wait()

    def take_fault(self, *, unread: bool = False) -> Fault:
        """The fault of this call, counted; ``unread``: only one that ends the call before it is read."""
        with self._lock:
            if self._left == 0:
                self._fault, self._left = OK, None
            if unread != (self._fault.ending is Ending.DROP):
                return OK
            if self._left is not None:
                self._left -= 1
            runs = self._fault.name == "flap" and int((time.monotonic() - self._since) / self._fault.seconds) % 2
            return OK if runs else self._fault

    def is_left_alone(self, seconds: float = 30) -> bool:
        """Wait until nobody talks to it any more, not even what a caller who died had said; False if that lasts."""
        return self._server.is_left_alone(seconds)

    def stop(self) -> None:
        """Closes the port; callers that hang are let go. Calling it twice does nothing more."""
        if self.stopped.is_set():
            return
        self.stopped.set()
        self.let_go()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self.callbacks.stop()

    def _where(self) -> tuple[str, str] | None:
        return (self.webhook_url, self.secret) if self.webhooks and self.webhook_url else None


def start(
    port: int = 0,
    *,
    listener: socket.socket | None = None,
    token: str = TOKEN,
    webhook_url: str = "",
    secret: str = "",
    webhooks: bool = True,
    pace: float = 1.0,
) -> Provider:
    """Starts a provider in threads of this process, on a port of its choice if none is given, nor a ``listener``.

    ``secret`` is ``user:password``, as ANYMAIL_WEBHOOK_SECRET has it.

    ``webhook_url`` may also be set later, as an attribute; events until then are noted in the ledger only.
    """
    server = Listener(port, listener, _Handler)
    return Provider(server, token=token, webhook_url=webhook_url, secret=secret, webhooks=webhooks, pace=pace)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "provider"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60
    server: Listener

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing: bodies and pages hold live links, and the terminal belongs to the demo."""

    def do_GET(self) -> None:
        if not self._is_local():
            self._answer(421, b"Open this page by its loopback address.", "text/plain; charset=utf-8")
            return
        url = urlsplit(self.path)
        ledger = self.server.provider.ledger
        if url.path == "/ledger.json":
            self._json(200, ledger.as_json())
            return
        if url.path == SEARCH:
            self._search(dict(parse_qsl(url.query)))
            return
        page = inbox.page(url.path, ledger, still="still" in parse_qs(url.query, keep_blank_values=True))
        if page.opened and page.opened.track_opens:
            self.server.provider.callbacks.now(page.opened, Record.OPEN, page.opened.recipients[0])
        self._answer(page.status, page.body, page.content_type, page.headers)

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        provider = self.server.provider
        path = urlsplit(self.path).path.rstrip("/")
        if provider.take_fault(unread=True) is not OK:
            self.close_connection = True
            provider.ledger.note_call(path, status=0, accepted=0, fault=Ending.DROP)
            return
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > postmark.MAX_BYTES:
            self.close_connection = True
            self._json(413, {"ErrorCode": 0, "Message": "Payload too large."})
            return
        body = self.rfile.read(int(length))
        if path not in ENDPOINTS:
            self._json(404, {"ErrorCode": 404, "Message": "No such endpoint."})
        elif self.headers.get("X-Postmark-Server-Token") != provider.token:
            provider.ledger.note_call(path, status=401, accepted=0, fault="")
            self._json(401, {"ErrorCode": 10, "Message": "Bad or missing Server API token."})
        else:
            self._take(path, body, provider.take_fault())

    def _take(self, path: str, body: bytes, fault: Fault) -> None:
        """A call with the right key: act out the fault, note what was accepted before the caller can know of it."""
        if fault.ending is Ending.ANSWER and fault.seconds and not fault.is_error:
            time.sleep(fault.seconds)
        provider = self.server.provider
        key = self.headers.get("Idempotency-Key", "")
        send = self._once if provider.honours_key and key else self._send
        status, answer, accepted = send(body, ENDPOINTS[path], fault)
        name = "" if fault.name == OK.name else fault.name
        provider.ledger.note_call(path, status=status, accepted=accepted, fault=name, key=key)
        self._end(fault, status, answer)

    def _once(self, body: bytes, batch: bool, fault: Fault) -> tuple[int, Any, int]:
        """As ``_send``, and for a key that it knows the first answer again."""
        provider, key = self.server.provider, self.headers["Idempotency-Key"]
        with provider.keys:
            if key in provider.firsts:
                provider.ledger.note_repeat()
                return 200, provider.firsts[key], 0
            status, answer, accepted = self._send(body, batch, fault)
            if accepted:
                provider.firsts[key] = answer
            return status, answer, accepted

    def _search(self, query: dict[str, str]) -> None:
        provider = self.server.provider
        if not provider.askable:
            self._json(404, {"ErrorCode": 404, "Message": "No such endpoint."})
        elif self.headers.get("X-Postmark-Server-Token") != provider.token:
            self._json(401, {"ErrorCode": 10, "Message": "Bad or missing Server API token."})
        else:
            self._json(200, postmark.found(provider.ledger.messages, query))

    def _send(self, body: bytes, batch: bool, fault: Fault) -> tuple[int, Any, int]:
        """Status, answer and number of mails accepted. In a batch each mail stands alone, and the status is 200."""
        if fault.is_error:
            return fault.status, {"ErrorCode": fault.error_code, "Message": fault.message}, 0
        answers: list[dict[str, Any]] = []
        accepted = 0
        try:
            for mail in postmark.read_call(body, batch=batch):
                try:
                    answers.append(self._accept(mail))
                    accepted += 1
                except postmark.Refused as refusal:
                    if not batch:
                        raise
                    answers.append(refusal.as_json())
        except postmark.Refused as refusal:
            return refusal.status, refusal.as_json(), 0
        return 200, answers if batch else answers[0], accepted

    def _accept(self, mail: dict[str, Any]) -> dict[str, Any]:
        provider = self.server.provider
        message = postmark.read_mail(mail)
        provider.ledger.accept(message)
        provider.callbacks.expect(message, provider.pace)
        return postmark.accepted(message, str(mail.get("To") or ""))

    def _end(self, fault: Fault, status: int, answer: Any) -> None:
        self.server.provider.held_back(fault)
        if fault.ending in (Ending.CLOSE, Ending.HANG):
            self.close_connection = True
        elif fault.garbage is not None and status == 200:
            self._answer(fault.status, fault.garbage, "application/json")
        else:
            self._json(status, answer, {} if fault.retry_after is None else {"Retry-After": fault.retry_after})

    def _is_local(self) -> bool:
        """A foreign page must not read the inbox through a name that resolves to this machine (DNS rebinding)."""
        return self.headers.get("Host", "").rpartition(":")[0] in (HOST, "localhost")

    def _json(self, status: int, data: Any, headers: dict[str, str] | None = None) -> None:
        self._answer(status, json.dumps(data).encode(), "application/json", headers)

    def _answer(self, status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        own = {"Content-Type": content_type, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        for name, value in {**own, "X-Content-Type-Options": "nosniff", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
