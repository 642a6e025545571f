"""Mail backends with a fault each, for RECOVERY["ROUTES"]: they refuse, are gone, hang on to the process, or die."""

import os
import signal
import smtplib
import time
from pathlib import Path
from typing import Any

from anymail.backends.postmark import EmailBackend as Postmark
from django.core.mail.backends.base import BaseEmailBackend


class Refusing(BaseEmailBackend):
    """Answers that nobody will ever take mail for this recipient."""

    def send_messages(self, email_messages: Any) -> int:
        raise smtplib.SMTPRecipientsRefused({email_messages[0].to[0]: (550, b"5.1.1 No such user")})


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
    """Has the mail at once, and says so only when the test's folder holds an "answer"."""

    def send_messages(self, email_messages: Any) -> int:
        folder = Path(os.environ["TESTS_FOLDER"])
        (folder / "accepted").touch()
        until = time.monotonic() + 60
        while not (folder / "answer").exists() and time.monotonic() < until:
            time.sleep(0.02)
        return len(email_messages)
