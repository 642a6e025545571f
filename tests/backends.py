"""Mail backends with a fault each, for RECOVERY["ROUTES"]: they refuse, are gone, hang on to the process, or die."""

import os
import signal
import smtplib
import socket
from typing import Any

from anymail.backends.postmark import EmailBackend as Postmark
from django.core.mail.backends.base import BaseEmailBackend


class Refusing(BaseEmailBackend):
    """Answers that nobody will ever take mail for this recipient."""

    def send_messages(self, email_messages: Any) -> int:
        raise smtplib.SMTPRecipientsRefused({email_messages[0].to[0]: (550, b"5.1.1 No such user")})


class TooNarrow(BaseEmailBackend):
    """Takes no mail as large as this."""

    def send_messages(self, email_messages: Any) -> int:
        raise smtplib.SMTPDataError(552, b"5.3.4 Message too big")


class Unreachable(BaseEmailBackend):
    """Nobody listens there."""

    def send_messages(self, email_messages: Any) -> int:
        raise ConnectionRefusedError(111, "Connection refused")


class Surprising(BaseEmailBackend):
    """Raises what no mail library should."""

    def send_messages(self, email_messages: Any) -> int:
        raise ZeroDivisionError


class Killed(BaseEmailBackend):
    """The worker is killed as it reaches for the provider: claimed and committed, nothing sent."""

    def send_messages(self, email_messages: Any) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0


class Unasked(Postmark):
    """Speaks Postmark's API to a provider that cannot be asked for what it took."""

    esp_name = "Another"


class Keyed(Unasked):
    """As above, and the provider knows a mail by its key."""

    esp_name = "Resend"


class AnswersOnceTold(BaseEmailBackend):
    """Has the mail at once, which it tells the test by calling at its port, and says so when the test has hung up."""

    def send_messages(self, email_messages: Any) -> int:
        with socket.create_connection(("127.0.0.1", int(os.environ["TESTS_PORT"])), timeout=60) as test:
            test.recv(1)
        return len(email_messages)
