"""Which provider a mail leaves by, and what its answer means.

The way out is the first of ``ROUTES``, or the site's own mail settings. Nothing is logged here: a provider's
answer may echo the mail, and with it the link.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from smtplib import SMTPRecipientsRefused
from typing import Any, Final, cast

import django
from anymail.exceptions import AnymailRecipientsRefused, AnymailUnsupportedFeature
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends import smtp
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.module_loading import import_string

from recovery.conf import conf
from recovery.exceptions import SendFailed, SendRefused
from recovery.models import Email

METADATA_KEY: Final = "recovery_email_id"
PATIENCE: Final = 20  # seconds for each answer of a mail server; a mail's lease is 90
_REFUSED: Final = frozenset({"rejected", "invalid", "failed"})  # anymail's words for one recipient
_DROPPABLE: Final = ("tags", "track_opens", "track_clicks", "metadata")


@dataclass(frozen=True, slots=True)
class Handover:
    """The provider has it: by which route, which provider, under which id (both may be "" over SMTP)."""

    route: str
    esp: str
    esp_message_id: str


def send(message: EmailMultiAlternatives, email: Email) -> Handover:
    """Hand a message over. Raises SendRefused (this recipient, for good), SendFailed (try again later) or
    ValueError (the message itself is malformed)."""
    route: Mapping[str, Any] = conf.ROUTES[0] if conf.ROUTES else {}
    _mark(message, email)
    try:
        backend = _backend(route)
        count = _send(message, backend)
    except AnymailRecipientsRefused as error:
        raise SendRefused(str(error)) from None
    except SMTPRecipientsRefused as error:
        raise (SendRefused if _is_for_good(error) else SendFailed)(str(error)) from None
    except ValueError:
        raise
    except Exception as error:  # noqa: BLE001 - foreign code and a network: whatever it says is noted
        raise SendFailed(f"{type(error).__name__}: {error}") from None
    return _handover(message, str(route.get("NAME", "default")), backend, count)


def _mark(message: EmailMultiAlternatives, email: Email) -> None:
    """Our id travels with the mail; the provider's tracking, which rewrites links, is off."""
    message.metadata = {METADATA_KEY: str(email.pk)}  # type: ignore[attr-defined]
    message.tags = [f"recovery-{email.kind}"]  # type: ignore[attr-defined]
    message.track_opens = False  # type: ignore[attr-defined]
    message.track_clicks = False  # type: ignore[attr-defined]


def _backend(route: Mapping[str, Any]) -> BaseEmailBackend:
    """The way out. One over SMTP for which the site set no timeout gets ours: Django's would wait for ever."""
    backend = _as_configured(route)
    if isinstance(backend, smtp.EmailBackend) and backend.timeout is None:
        backend.timeout = PATIENCE
    return backend


def _as_configured(route: Mapping[str, Any]) -> BaseEmailBackend:
    if "BACKEND" in route:
        # From Django 6.1 on, a backend without an alias reads the EMAIL_* settings, which MAILERS forbids.
        alias = {"alias": str(route.get("NAME", "default"))} if django.VERSION >= (6, 1) else {}
        return cast(BaseEmailBackend, import_string(route["BACKEND"])(**alias, **route.get("OPTIONS", {})))
    if django.VERSION >= (6, 1):
        return mail.mailers[route.get("MAILER", "default")]
    return mail.get_connection()


def _send(message: EmailMultiAlternatives, backend: BaseEmailBackend) -> int:
    """Send; what this provider has no switch for is left out (anymail tells before it calls the provider)."""
    droppable = list(_DROPPABLE)
    while True:
        try:
            return backend.send_messages([message]) or 0
        except AnymailUnsupportedFeature as error:
            if not droppable:
                raise
            named = next((feature for feature in droppable if feature in str(error)), droppable[0])
            droppable.remove(named)
            delattr(message, named)


def _is_for_good(error: SMTPRecipientsRefused) -> bool:
    """Replies from 500 on are permanent; 450 is greylisting or a full mailbox, which pass (RFC 5321 4.2.1)."""
    return all(code >= 500 for code, _ in error.recipients.values())


def _handover(message: EmailMultiAlternatives, route: str, backend: BaseEmailBackend, count: int) -> Handover:
    status = getattr(message, "anymail_status", None)
    if status is None:
        if not count:  # django-ses and others answer 0 for a recipient on their own black list
            raise SendRefused("The mail backend sent nothing.")
        return Handover(route, "", "")
    if status.status and status.status <= _REFUSED:
        raise SendRefused(f"The provider answered {', '.join(sorted(status.status))}.")
    esp = str(getattr(backend, "esp_name", "")).lower().replace(" ", "_")
    message_id = status.message_id if isinstance(status.message_id, str) else ""
    return Handover(route, esp, message_id)
