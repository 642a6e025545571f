"""Where mail goes when only the way there is measured."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class Nothing(BaseEmailBackend):
    """Makes the bytes that a mail server would get, and sends nothing."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        for message in messages:
            message.message().as_bytes(linesep="\r\n")
        return len(messages)
