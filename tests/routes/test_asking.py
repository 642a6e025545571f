"""Asking a provider whether it has a mail: only a plain answer counts."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from example_project.provider import Provider
from recovery import routes
from recovery.models.primary import new_key
from recovery.routes import Answer, Asked, Line
from tests.routes import mails


def named(settings: Any, **spec: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [{"NAME": "postmark", "BACKEND": mails.POSTMARK, **spec}]}


def at(settings: Any, provider: Provider, patience: float = 20, **spec: Any) -> Line:
    """A line by the one route of the settings, to the provider."""
    named(settings, **{**mails.to(provider, OPTIONS={"timeout": patience}).spec, **spec})
    [route] = routes.all_routes()
    return Line(route)


def asked(key: Any, recipient: str = "ada@example.org", route: str = "postmark") -> Asked:
    return routes.ask(route, email_id=key, recipient=recipient)


@pytest.mark.attack(93)
@pytest.mark.parametrize("fault", ["close", "hang", "garbage", "no_id"])
def test_a_mail_whose_answer_was_lost_is_found_with_its_id(settings: Any, provider: Provider, fault: str) -> None:
    key = new_key()
    provider.mode(fault, times=1)
    with closing(at(settings, provider, patience=0.5 if fault == "hang" else 20)) as line:
        line.send(mails.message("Ada@example.org"), key=str(key), kind="reset")
    [arrived] = provider.ledger.wait_for("ada@example.org")
    at(settings, provider)
    assert asked(key) == Asked(Answer.HAS, "postmark", arrived.id)


def test_a_mail_that_never_arrived_is_not_found(settings: Any, provider: Provider) -> None:
    with closing(at(settings, provider)) as line:
        mails.sent(line)
    assert asked(new_key()) == Asked(Answer.HAS_NOT)


def test_the_search_is_made_in_the_routes_own_stream(settings: Any, provider: Provider) -> None:
    key = new_key()
    with closing(at(settings, provider, STREAM="urgent")) as line:
        line.send(mails.message(), key=str(key), kind="reset")
    assert asked(key).answer == Answer.HAS
    at(settings, provider, STREAM="other")
    assert asked(key).answer == Answer.HAS_NOT


def test_somebody_elses_mail_under_our_id_is_no_answer(settings: Any, provider: Provider) -> None:
    key = new_key()
    with closing(at(settings, provider)) as line:
        line.send(mails.message(), key=str(key), kind="reset")
    assert asked(key, "bob@example.org") == Asked(Answer.SILENT)


@pytest.mark.parametrize("how", ["unaskable", "wrong key", "gone", "unknown route", "cannot be asked"])
def test_a_provider_that_does_not_say_is_silent(
    settings: Any, provider: Provider, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    at(settings, provider)
    match how:
        case "unaskable":
            provider.askable = False
        case "wrong key":
            provider.token = "changed"
        case "gone":
            provider.stop()
        case "cannot be asked":
            named(settings, BACKEND="tests.backends.Unreachable")
    assert asked(new_key(), route="another" if how == "unknown route" else "postmark") == Asked(Answer.SILENT)
    assert ("(ConnectionError)" in caplog.text) == (how == "gone"), "what was raised is told by its name alone"


@contextmanager
def answering(body: bytes, status: int = 200) -> Iterator[str]:
    """A provider that answers every search with this."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"TotalCount": 1, "Messages": []}',
        b'{"TotalCount": 1, "Messages": [{"Recipients": ["ada@example.org"]}]}',
        b'{"TotalCount": 1, "Messages": [{"Recipients": ["ada@example.org"], "MessageID": ""}]}',
        b'{"TotalCount": null, "Messages": null}',
        json.dumps({"TotalCount": "0", "Messages": []}).encode(),
    ],
)
def test_an_answer_of_another_shape_is_silence(settings: Any, body: bytes) -> None:
    with answering(body) as url:
        named(settings, OPTIONS={"server_token": "x", "api_url": url})
        assert asked(new_key()) == Asked(Answer.SILENT)


def test_an_answer_in_trouble_is_silence(settings: Any) -> None:
    with answering(b'{"TotalCount": 0, "Messages": []}', status=503) as url:
        named(settings, OPTIONS={"server_token": "x", "api_url": url})
        assert asked(new_key()) == Asked(Answer.SILENT)
