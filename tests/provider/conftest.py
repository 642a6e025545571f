"""A provider on localhost, a site that takes its webhooks, and a mail to send through anymail's own backend."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from anymail.backends.postmark import EmailBackend
from django.core.mail import EmailMultiAlternatives

from example_project import provider as providers
from example_project.provider import Provider

SECRET = "postmark:back and forth"


class Receiver:
    """A site that takes webhooks and answers with what is in ``answers``, then 200."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.authorizations: list[str] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append(json.loads(body))
                receiver.authorizations.append(self.headers.get("Authorization", ""))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/webhooks/postmark/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def all_from(self, provider: Provider) -> list[dict[str, Any]]:
        """What came, once the provider has nothing more to tell."""
        assert provider.callbacks.settle(30)
        return self.bodies


def wait_until(question: Callable[[], object], seconds: float = 60) -> None:
    """Asks again and again, for what nobody announces: that a try failed."""
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture
def provider(receiver: Receiver) -> Iterator[Provider]:
    provider = providers.start(webhook_url=receiver.url, secret=SECRET, pace=0.02)
    yield provider
    provider.stop()


def backend(provider: Provider, **options: Any) -> EmailBackend:
    return EmailBackend(**{"server_token": provider.token, "api_url": provider.url, "timeout": 30, **options})


def mail(*to: str, **attributes: Any) -> EmailMultiAlternatives:
    message = EmailMultiAlternatives(
        "A new password", "Open http://127.0.0.1/x?a=1&b=2.", "Example <accounts@example.org>", to=list(to)
    )
    message.attach_alternative("<p>Open <b>it</b></p>", "text/html")
    message.metadata = {"email": "our own id"}
    for name, value in attributes.items():
        setattr(message, name, value)
    return message
