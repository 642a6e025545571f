"""Stand-ins for the providers' list APIs: they refuse unknown fields and wrong keys, and can be told to fail at first.

Written after Postmark's "Suppressions API", SendGrid's "Suppressions", Mailgun's "Suppressions", Brevo's "Blocked
contacts" and Amazon's "SES API v2" with "Create a signed AWS API request"; not after our adapters.
"""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

KEY = "the right key"
Answer = tuple[int, Any]


@dataclass
class Ask:
    """One request, as it came."""

    method: str
    path: str
    raw_path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class StandIn:
    """A provider with what its lists hold: address -> list -> whatever it says of it."""

    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    fails: list[int] = field(default_factory=list)  # statuses of the next answers; 0: none at all; -1: as it should
    asked: list[Ask] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, ask: Ask) -> Answer:
        if not self.is_proven(ask):
            return 401, {"message": "Unauthorized"}
        return self.answer_proven(ask)

    def is_proven(self, ask: Ask) -> bool:
        raise NotImplementedError

    def answer_proven(self, ask: Ask) -> Answer:
        raise NotImplementedError

    def drop(self, address: str, name: str) -> bool:
        if self.held.get(address, {}).pop(name, None) is None:
            return False
        self.deleted.append(f"{name} {address}")
        return True


class Postmark(StandIn):
    esp = "postmark"

    def is_proven(self, ask: Ask) -> bool:
        return ask.headers.get("x-postmark-server-token") == KEY and ask.headers.get("accept") == "application/json"

    def answer_proven(self, ask: Ask) -> Answer:
        if (ask.method, ask.path) == ("GET", "/message-streams/outbound/suppressions/dump"):
            if ask.query.keys() - {"SuppressionReason", "Origin", "todate", "fromdate", "EmailAddress"}:
                return 422, {"ErrorCode": 300, "Message": "Unknown parameter"}
            wanted = ask.query.get("EmailAddress")
            return 200, {
                "Suppressions": [
                    {
                        "EmailAddress": address,
                        "SuppressionReason": why,
                        "Origin": "Recipient",
                        "CreatedAt": "2026-11-10T08:58:33-05:00",
                    }
                    for address, lists in self.held.items()
                    for why in lists
                    if wanted in (None, address)
                ]
            }
        if (ask.method, ask.path) == ("POST", "/message-streams/outbound/suppressions/delete"):
            given = ask.json()
            if given.keys() != {"Suppressions"} or any(e.keys() != {"EmailAddress"} for e in given["Suppressions"]):
                return 422, {"ErrorCode": 403, "Message": "Unknown field"}
            return 200, {"Suppressions": [self._delete(e["EmailAddress"]) for e in given["Suppressions"]]}
        return 404, {}

    def _delete(self, address: str) -> dict[str, Any]:
        if "SpamComplaint" in self.held.get(address, {}):
            said = "You do not have the required authority to change this suppression."
            return {"EmailAddress": address, "Status": "Failed", "Message": said}
        for why in list(self.held.get(address, {})):
            self.drop(address, why)
        return {"EmailAddress": address, "Status": "Deleted", "Message": None}


class SendGrid(StandIn):
    esp = "sendgrid"
    lists = ("bounces", "blocks", "invalid_emails", "spam_reports")

    def is_proven(self, ask: Ask) -> bool:
        return ask.headers.get("authorization") == f"Bearer {KEY}"

    def answer_proven(self, ask: Ask) -> Answer:
        if ask.query or ask.body:
            return 400, {"errors": [{"message": "unknown field"}]}
        *where, last = ask.path.strip("/").split("/")
        if where == ["v3", "asm", "suppressions", "global"] and ask.method == "GET":
            return 200, {"recipient_email": last} if "global" in self.held.get(last, {}) else {}
        if where[:2] != ["v3", "suppression"] or where[2] not in self.lists:
            return 404, {}
        if ask.method == "GET":
            found = self.held.get(last, {}).get(where[2])
            row = {"created": 1795169732, "email": last, "reason": found, "status": "5.1.1"}
            return 200, [row] if found else []
        return (204, None) if self.drop(last, where[2]) else (404, {})


class Mailgun(StandIn):
    esp = "mailgun"

    def is_proven(self, ask: Ask) -> bool:
        return ask.headers.get("authorization") == "Basic " + base64.b64encode(f"api:{KEY}".encode()).decode()

    def answer_proven(self, ask: Ask) -> Answer:
        if ask.query or ask.body:
            return 400, {"message": "unknown field"}
        version, domain, name, address = ask.path.strip("/").split("/")
        if (version, domain) != ("v3", "mail.site.example") or name not in ("bounces", "complaints", "unsubscribes"):
            return 404, {"message": "Domain not found"}
        if ask.method == "GET":
            found = self.held.get(address, {}).get(name)
            said = {"address": address, "code": "550", "error": found, "created_at": "Fri, 21 Oct 2026 11:02:55 UTC"}
            return (200, said) if found else (404, {"message": f"Address not found in {name} table"})
        dropped = self.drop(address, name)
        return (200, {"message": "removed", "address": address}) if dropped else (404, {"message": "not found"})


class Brevo(StandIn):
    esp = "brevo"

    def is_proven(self, ask: Ask) -> bool:
        return ask.headers.get("api-key") == KEY

    def answer_proven(self, ask: Ask) -> Answer:
        if ask.method == "GET" and ask.path == "/v3/smtp/blockedContacts":
            if ask.query.keys() - {"startDate", "endDate", "limit", "offset", "senders", "sort"}:
                return 400, {"code": "invalid_parameter", "message": "unknown"}
            limit, offset = int(ask.query.get("limit", 50)), int(ask.query.get("offset", 0))
            if limit > 100:
                return 400, {"code": "out_of_range", "message": "limit"}
            rows = [
                {
                    "email": address,
                    "senderEmail": "",
                    "reason": {"code": code, "message": "…"},
                    "blockedAt": "2026-11-01T20:59:23.383+02:00",
                }
                for address, lists in self.held.items()
                for code in lists
            ]
            return 200, {"count": len(rows), "contacts": rows[offset : offset + limit]}
        if ask.method == "DELETE" and ask.path.startswith("/v3/smtp/blockedContacts/"):
            address = ask.path.rpartition("/")[2]
            dropped = [self.drop(address, code) for code in list(self.held.get(address, {}))]
            return (204, None) if dropped else (404, {"code": "document_not_found", "message": "Contact not found"})
        return 404, {}


class AmazonSES(StandIn):
    esp = "amazon_ses"

    def is_proven(self, ask: Ask) -> bool:
        """The signature made anew from what came over the wire."""
        given = ask.headers.get("authorization", "").removeprefix("AWS4-HMAC-SHA256 ")
        parts = dict(part.split("=", 1) for part in given.split(", ") if "=" in part)
        if not {"Credential", "SignedHeaders", "Signature"} <= parts.keys():
            return False
        key_id, day, region, service, end = parts["Credential"].split("/")
        if (key_id, region, service, end) != ("AKID", "eu-west-1", "ses", "aws4_request"):
            return False
        names = parts["SignedHeaders"].split(";")
        if "host" not in names or "x-amz-date" not in names or not ask.headers["x-amz-date"].startswith(day):
            return False
        lines = [ask.method, quote(ask.raw_path, safe="/"), ""]
        lines += [f"{name}:{ask.headers[name]}" for name in names]
        lines += ["", parts["SignedHeaders"], hashlib.sha256(ask.body).hexdigest()]
        scope = f"{day}/{region}/{service}/{end}"
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{ask.headers['x-amz-date']}\n{scope}\n{digest}"
        key = ("AWS4" + KEY).encode()
        for part in (day, region, service, end):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest() == parts["Signature"]

    def answer_proven(self, ask: Ask) -> Answer:
        before, _, address = ask.path.rpartition("/")
        if before != "/v2/email/suppression/addresses" or ask.query or ask.body:
            return 400, {"message": "BadRequestException"}
        if ask.method == "GET":
            why = next(iter(self.held.get(address, {})), None)
            found = {"EmailAddress": address, "Reason": why, "LastUpdateTime": 1795169732.1, "Attributes": {}}
            return (200, {"SuppressedDestination": found}) if why else (404, {"message": "NotFoundException"})
        dropped = [self.drop(address, why) for why in list(self.held.get(address, {}))]
        return (200, {}) if dropped else (404, {"message": "NotFoundException"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    standin: StandIn

    def answer(self) -> None:
        parts = urlsplit(self.path)
        ask = Ask(
            self.command,
            unquote(parts.path),
            parts.path,
            {name: values[0] for name, values in parse_qs(parts.query).items()},
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        self.standin.asked.append(ask)
        failing = self.standin.fails.pop(0) if self.standin.fails else None
        if failing == 0:
            self.close_connection = True
            return
        status, content = (failing, {"message": "later"}) if failing not in (None, -1) else self.standin.answer(ask)
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = do_PUT = answer  # noqa: N815 - named by http.server

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def listening(standin: StandIn) -> Iterator[StandIn]:
    handler = type("Handler", (_Handler,), {"standin": standin})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    standin.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield standin
    finally:
        server.shutdown()
        server.server_close()
