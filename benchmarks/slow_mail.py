"""A mail server that takes its time: what an SMTP round trip costs whoever waits for it."""

import os
import time
from collections.abc import Sequence

from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend


class SlowMemory(EmailBackend):
    """Django's outbox in memory, ``seconds`` for each message. Keeps the newest thousand."""

    seconds = float(os.environ.get("MAIL_SECONDS", "0"))

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        if self.seconds:
            time.sleep(self.seconds * len(messages))
        sent = super().send_messages(messages)
        del mail.outbox[:-1000]
        return sent
