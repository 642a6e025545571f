"""What a mail server's answer means, for good or for now, and how long we wait for one."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.mail.backends import smtp

from recovery import delivery
from recovery.models import Email
from recovery.reasons import EmailReason, EmailState
from tests.following import make_due, notice

pytestmark = pytest.mark.django_db(transaction=True)


class Conversation(socketserver.StreamRequestHandler):
    """SMTP as far as a client needs it; what it answers to a recipient is the server's ``reply``."""

    def handle(self) -> None:
        self.say("220 mx.example")
        while line := self.rfile.readline().decode().strip():
            match line.split()[0].upper():
                case "RCPT":
                    self.say(self.server.reply)  # type: ignore[attr-defined]
                case "DATA":
                    self.say("354 go on")
                    while self.rfile.readline().strip() != b".":
                        pass
                    self.say("250 taken")
                case _:
                    self.say("250 mx.example")

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mail_server(reply: str, settings: Any) -> Iterator[Any]:
    """All mail leaves by a server that answers this to every recipient; set its ``reply`` to change its mind."""
    before = settings.RECOVERY
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as server:
        server.daemon_threads = True
        server.reply = reply  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        way = {"host": "127.0.0.1", "port": server.server_address[1], "timeout": 10}
        route = {"NAME": "smtp", "BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": way}
        settings.RECOVERY = {**before, "ROUTES": [route]}
        yield server
        settings.RECOVERY = before
        server.shutdown()


@pytest.mark.parametrize("reply", ["450 4.2.0 Greylisted, come back later", "452 4.2.2 Mailbox full", "421 4.3.2 Busy"])
def test_a_server_that_says_later_is_tried_again_and_gets_the_mail(reply: str, settings: Any) -> None:
    email = notice()
    with mail_server(reply, settings) as server:
        assert delivery.deliver(email.pk) == EmailState.DEFERRED
        assert Email.objects.get().reason == EmailReason.PROVIDER_DOWN
        server.reply = "250 ok"
        make_due(email)
        assert delivery.deliver(email.pk) == EmailState.HANDED_OVER


@pytest.mark.parametrize("reply", ["550 5.1.1 No such user", "553 5.1.3 That is no address"])
def test_a_server_that_says_never_is_believed(reply: str, settings: Any) -> None:
    email = notice()
    with mail_server(reply, settings):
        assert delivery.deliver(email.pk) == EmailState.FAILED
    assert Email.objects.get().reason == EmailReason.PROVIDER_REFUSED_RECIPIENT


class Watched(smtp.EmailBackend):
    """Django's own, seen as it is about to connect."""

    patience: list[float | None] = []

    def open(self) -> bool:
        self.patience.append(self.timeout)
        raise TimeoutError("timed out")


@pytest.mark.parametrize(("given", "kept"), [({}, None), ({"timeout": 7}, 7)])
def test_a_server_that_never_answers_is_given_up_before_the_mails_lease_ends(
    settings: Any, given: dict[str, int], kept: int | None
) -> None:
    """Without a timeout of the site's a worker would hang for good, and another would send the mail beside it."""
    Watched.patience.clear()
    route = {"NAME": "smtp", "BACKEND": f"{__name__}.Watched", "OPTIONS": {"host": "127.0.0.1", **given}}
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [route]}
    assert delivery.deliver(notice().pk) == EmailState.DEFERRED
    [patience] = Watched.patience
    assert patience
    assert patience < delivery.LEASE.total_seconds()
    assert kept in {None, patience}
