"""Where mail goes when only the way there is measured."""

import itertools
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class Nothing(BaseEmailBackend):
    """Makes the bytes that a mail server would get, counts, and sends nothing."""

    sent = itertools.count()

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        for message in messages:
            message.message().as_bytes(linesep="\r\n")
            next(self.sent)
        return len(messages)
