"""A site whose other mail goes through the wrapper: its settings, a mail of its own, and what the log says of it."""

from typing import Any

import django
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.locmem import EmailBackend as Locmem

from recovery.models import Email, EmailEvent
from recovery.reasons import EmailKind

SECRET = "The code of the back door is 4711."
WRAPPER = "recovery.contrib.mail.EmailBackend"


class Counting(Locmem):
    """Says how often it was opened and closed."""

    opened = closed = 0

    def open(self) -> bool:
        type(self).opened += 1
        return True

    def close(self) -> None:
        type(self).closed += 1


def wrap(settings: Any, backend: str | type[BaseEmailBackend], **options: Any) -> None:
    """The site's mail goes through the wrapper, and leaves by this backend."""
    path = backend if isinstance(backend, str) else f"{backend.__module__}.{backend.__name__}"
    settings.RECOVERY = {**settings.RECOVERY, "SITE_MAIL": {"BACKEND": path, "OPTIONS": options}}
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": WRAPPER}}
    else:
        settings.EMAIL_BACKEND = WRAPPER


def invite(*to: str, **more: Any) -> EmailMessage:
    return EmailMessage("An invitation", SECRET, "Library <desk@library.example>", list(to), **more)


def log() -> list[tuple[str, str, str]]:
    """Recipient, state and reason of the site's other mail, in order."""
    rows = Email.objects.filter(kind=EmailKind.SITE).order_by("recipient")
    return list(rows.values_list("recipient", "state", "reason"))


def told(email: Email) -> list[tuple[str, str]]:
    return list(EmailEvent.objects.filter(email=email).order_by("id").values_list("kind", "detail"))
