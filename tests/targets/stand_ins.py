"""HTTP servers on this machine that answer as Zendesk, Salesforce's Web-to-Case and a Standard Webhooks receiver do.

Each refuses unknown fields and wrong credentials, and does what the next of its ``faults`` says before: a status, with
a ``Retry-After`` if it is 429; a URL, to which it redirects; "silent" takes what it was given and closes the connection
without a word; "gone" closes it without having taken anything.
"""

import base64
import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, parse_qsl, urlsplit

AGENT, AGENT_NAME, TOKEN = "agent@example.org", "agent", "zd-token"
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, so").decode()
ORG_ID, KEY_FIELD = "00D000000000001", "00N000000000042"


class Refused(Exception):
    """The stand-in says no, with this status and the reason."""


class StandIn(BaseHTTPRequestHandler):
    """What all of them have in common; ``taken`` is what is on the other side afterwards."""

    faults: ClassVar[list[Any]] = []
    taken: ClassVar[list[dict[str, Any]]] = []
    asked: ClassVar[list[dict[str, str]]] = []
    pause: ClassVar = "120"

    def serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.faults.pop(0) if self.faults else None
        type(self).asked.append({name.lower(): value for name, value in self.headers.items()})
        if fault == "gone":
            self.close_connection = True
            return
        if isinstance(fault, int):
            self.reply(fault, {}, {"Retry-After": self.pause} if fault == 429 else {})
            return
        if fault and fault.startswith("http:"):
            self.reply(307, {}, {"Location": fault})
            return
        try:
            status, told, headers = self.take(body)
        except Refused as error:
            status, told, headers = error.args[0], {"error": error.args[1]}, {}
        if fault == "silent":
            self.close_connection = True
            return
        self.reply(status, told, headers)

    do_POST = do_GET = do_PUT = serve  # noqa: N815 - the base class looks for these names

    def take(self, body: bytes) -> tuple[int, Any, dict[str, str]]:
        raise NotImplementedError

    def reply(self, status: int, told: Any, headers: dict[str, str]) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Nothing: the test says what matters."""

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[tuple[type[Self], str]]:
        """A server of its own; yields its class and its URL."""
        own = type(cls.__name__, (cls,), {"faults": [], "taken": [], "asked": []})
        server = ThreadingHTTPServer(("127.0.0.1", 0), own)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield own, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()


class Zendesk(StandIn):
    """Tickets API v2: ``POST`` with an idempotency key, ``GET`` by external id, ``PUT`` of status and comment."""

    fields: ClassVar = {"subject", "comment", "priority", "type", "external_id", "tags"}
    keys: ClassVar[dict[str, Any]] = {}
    remembers_keys = True

    def take(self, body: bytes) -> tuple[int, Any, dict[str, str]]:
        wanted = base64.b64encode(f"{AGENT}/token:{TOKEN}".encode()).decode()
        if self.headers["Authorization"] != f"Basic {wanted}":
            raise Refused(401, "Couldn't authenticate you")
        at = urlsplit(self.path)
        if self.command == "GET" and at.path == "/api/v2/tickets.json":
            [external_id] = parse_qs(at.query)["external_id"]
            found = [ticket for ticket in self.taken if ticket["external_id"] == external_id]
            return 200, {"tickets": found, "count": len(found)}, {}
        sent = json.loads(body)
        if set(sent) != {"ticket"}:
            raise Refused(422, "RecordInvalid")
        if self.command == "PUT":
            return self.change(int(re.fullmatch(r"/api/v2/tickets/(\d+)\.json", at.path)[1]), sent["ticket"])  # type: ignore[index]
        if at.path != "/api/v2/tickets.json":
            raise Refused(404, "InvalidEndpoint")
        return self.create(sent["ticket"])

    def create(self, ticket: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        key = self.headers["Idempotency-Key"]
        if self.remembers_keys and key in self.keys:
            return 201, {"ticket": self.keys[key]}, {"x-idempotency-lookup": "hit"}
        self.judge(ticket, self.fields)
        if ticket["priority"] not in ("urgent", "high", "normal", "low"):
            raise Refused(422, "priority")
        if ticket["type"] not in ("problem", "incident", "question", "task"):
            raise Refused(422, "type")
        row = {**ticket, "id": len(self.taken) + 1, "status": "new", "comments": [ticket["comment"]]}
        self.taken.append(row)
        type(self).keys = {**self.keys, key: row}
        return 201, {"ticket": row}, {"x-idempotency-lookup": "miss"}

    def change(self, number: int, ticket: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        self.judge(ticket, {"status", "comment"})
        row = self.taken[number - 1]
        row["status"] = ticket["status"]
        row["comments"].append(ticket["comment"])
        return 200, {"ticket": row}, {}

    def judge(self, ticket: dict[str, Any], fields: set[str]) -> None:
        if set(ticket) != fields or set(ticket["comment"]) != {"body", "public"}:
            raise Refused(422, f"unknown or missing: {set(ticket) ^ fields}")
        if ticket["comment"]["public"] is not False:
            raise Refused(422, "the person would be mailed")


class Salesforce(StandIn):
    """Web-to-Case: a form, status 200 in any case, ``Is-Processed`` says whether; the unique field refuses a second."""

    fields: ClassVar = {"orgid", "subject", "description", "priority", "origin", KEY_FIELD}

    def take(self, body: bytes) -> tuple[int, Any, dict[str, str]]:
        at, form = urlsplit(self.path), dict(parse_qsl(body.decode(), keep_blank_values=True))
        if at.path != "/servlet/servlet.WebToCase" or parse_qs(at.query) != {"encoding": ["UTF-8"]}:
            raise Refused(404, "no such servlet")
        if form.get("orgid") != ORG_ID or set(form) - self.fields:
            return 200, {}, {"Is-Processed": "true Exception:common.exception.SalesforceGenericException"}
        if form[KEY_FIELD] not in {taken[KEY_FIELD] for taken in self.taken}:
            self.taken.append(form)
        return 200, {}, {"Is-Processed": "true"}


class Webhook(StandIn):
    """A receiver of Standard Webhooks 1.0.0: checks the signature and the age, and takes each id once."""

    facts: ClassVar = {
        "id", "priority", "reason", "reference", "account", "name", "opened_at", "closed_at", "end",
        "subject", "text", "url",
    }  # fmt: skip

    def take(self, body: bytes) -> tuple[int, Any, dict[str, str]]:
        own, at = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        wanted = base64.b64encode(hmac.new(key, f"{own}.{at}.".encode() + body, hashlib.sha256).digest()).decode()
        given = [part.partition(",") for part in self.headers["webhook-signature"].split(" ")]
        if not any(version == "v1" and hmac.compare_digest(sign, wanted) for version, _, sign in given):
            raise Refused(401, "signature")
        if abs(time.time() - int(at)) > 300 or "." in own:
            raise Refused(400, "too old, or an id with a full stop")
        sent = json.loads(body)
        if set(sent) != {"type", "timestamp", "data"} or not re.fullmatch(r"[a-z]+(\.[a-z]+)+", sent["type"]):
            raise Refused(400, "payload")
        if set(sent["data"]) != self.facts or self.headers["Content-Type"] != "application/json":
            raise Refused(400, "data")
        if own not in {taken["id"] for taken in self.taken}:
            self.taken.append({"id": own, **sent})
        return 204, {}, {}


class Notified(StandIn):
    """A receiver of Apprise's JSON notifications, version 1.0, with a name and a password, that takes each key once."""

    fields: ClassVar = {"version", "title", "message", "attachments", "type"}

    def take(self, body: bytes) -> tuple[int, Any, dict[str, str]]:
        wanted = base64.b64encode(f"{AGENT_NAME}:{TOKEN}".encode()).decode()
        if self.headers["Authorization"] != f"Basic {wanted}":
            raise Refused(401, "who is there?")
        sent, key = json.loads(body), self.headers["Idempotency-Key"]
        if set(sent) != self.fields or sent["version"] != "1.0" or not key:
            raise Refused(400, f"unknown or missing: {set(sent) ^ self.fields}")
        if key not in {taken["key"] for taken in self.taken}:
            self.taken.append({"key": key, **sent})
        return 200, {}, {}
