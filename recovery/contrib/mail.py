"""A mail backend that wraps the site's own, so that the Email log is the log of all mail of the site.

Optional: name it as the site's backend, and in ``RECOVERY["SITE_MAIL"]`` how the mail really leaves. It obeys the
level, and keeps no body. Whatever our own rows stumble over, the site's mail leaves.
"""

import logging
from collections.abc import Sequence
from typing import Any, Final

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from recovery import level, routes, site_mail
from recovery.addresses import normalise
from recovery.conf import conf
from recovery.models import Email
from recovery.models.primary import atomic
from recovery.reasons import EmailKind, EmailReason, TryOutcome
from recovery.routes import Tried, answers, configured

logger = logging.getLogger(__name__)

ROUTE: Final = "site"  # what the log calls the way out of the site's other mail
_TAKEN: Final = frozenset({"sent", "queued"})  # anymail's words for one recipient

Told = list[tuple[Email, Tried]]


class EmailBackend(BaseEmailBackend):
    """Records each recipient, sends by the wrapped backend, and notes what that said."""

    def __init__(self, fail_silently: bool = False, *, alias: str | None = None, **options: Any) -> None:
        # Django 6.1 gives a backend its name, and refuses what it does not know.
        named: dict[str, Any] = {"alias": alias} if django.VERSION >= (6, 1) else {}
        super().__init__(**named)
        self.fail_silently = fail_silently
        self.inner = _inner(options)

    def open(self) -> bool | None:
        return self.inner.open()

    def close(self) -> None:
        self.inner.close()

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """As Django's: how many messages left. Those that the level holds back are none, and no error."""
        messages = list(email_messages or ())
        if not messages:
            return 0
        held, rows = _record(messages)
        if held:
            return 0
        told: Told = []
        try:
            return self._send(messages, rows, told)
        finally:
            if told:
                _note(told)

    def _send(self, messages: list[EmailMessage], rows: list[list[Email]], told: Told) -> int:
        """One after the other over one connection; the first error ends it, unless errors are to be silent."""
        sent, number, is_ours = 0, 0, None
        try:
            is_ours = self.open()
            for number, message in enumerate(messages):
                sent += self._send_one(message, rows[number], told)
        except Exception as error:  # the wrapped class is the site's; what it raised is on record first
            told += [(email, _failed(error)) for email in rows[number]]
            told += [(email, _not_tried(error)) for later in rows[number + 1 :] for email in later]
            if not self.fail_silently:
                raise
        finally:
            if is_ours:
                self.close()
        return sent

    def _send_one(self, message: EmailMessage, emails: list[Email], told: Told) -> int:
        try:
            count: int | None = self.inner.send_messages([message])  # some classes say nothing
        except Exception as error:  # the same, and Django's word for silence covers whatever it raises
            if not self.fail_silently:
                raise
            told += [(email, _failed(error)) for email in emails]
            return 0
        told += [(email, self._said_of(message, email, count)) for email in emails]
        return 1 if count is None else count

    def _said_of(self, message: EmailMessage, email: Email, count: int | None) -> Tried:
        try:
            return self._answer(message, email, count)
        except Exception as error:  # noqa: BLE001 - the mail has left; whatever its class made of the answer is foreign
            return Tried(TryOutcome.AMBIGUOUS, ROUTE, detail=type(error).__name__)

    def _answer(self, message: EmailMessage, email: Email, count: int | None) -> Tried:
        """What the wrapped backend says of one recipient: anymail each one's own word, the others one for all."""
        esp = configured.esp_name(self.inner)
        status = getattr(message, "anymail_status", None)
        recipients = getattr(status, "recipients", None) or {}
        own = {normalise(address): each for address, each in recipients.items()}.get(email.recipient_key)
        if own is None:
            taken = TryOutcome.REFUSED_RECIPIENT if count == 0 else TryOutcome.ACCEPTED
            return Tried(taken, ROUTE, esp=esp)
        message_id = own.message_id if isinstance(own.message_id, str) else ""
        if own.status in answers.REFUSED_WORDS:
            return Tried(TryOutcome.REFUSED_RECIPIENT, ROUTE, esp=esp, detail=f"answered {own.status}")
        is_clear = own.status in _TAKEN and bool(message_id)
        outcome = TryOutcome.ACCEPTED if is_clear else TryOutcome.AMBIGUOUS
        return Tried(outcome, ROUTE, esp=esp, esp_message_id=message_id)


def _inner(options: dict[str, Any]) -> BaseEmailBackend:
    """The way out that ``SITE_MAIL`` names; what a caller of Django's mail gave (a user, a password) goes along."""
    if not conf.SITE_MAIL:
        raise ImproperlyConfigured(f"{configured.WRAPPER} needs RECOVERY['SITE_MAIL']: how the mail really leaves.")
    spec = dict(conf.SITE_MAIL)
    given = {name: value for name, value in options.items() if value is not None and not name.startswith("_")}
    if given and "BACKEND" in spec:
        spec["OPTIONS"] = {**spec.get("OPTIONS", {}), **given}
    return configured.backend_of(routes.Route(ROUTE, spec=spec))


def _record(messages: list[EmailMessage]) -> tuple[EmailReason | None, list[list[Email]]]:
    """Why they must stay, if they must; and their rows, none where they could not be written."""
    held = None
    try:
        with atomic(Email):
            held = level.holds(EmailKind.SITE)
            return held, site_mail.record(messages, route=ROUTE, reason=held)
    except Exception as error:  # noqa: BLE001 - a log that is full must stop no mail
        logger.error("site mail: %s mails are not in the log (%s)", len(messages), type(error).__name__)
        return held, [[] for _ in messages]


def _note(told: Told) -> None:
    try:
        site_mail.note(told)
    except Exception as error:  # noqa: BLE001 - the mail has left; a caller that hears of an error sends it again
        logger.error("site mail: what became of %s mails is not in the log (%s)", len(told), type(error).__name__)


def _failed(error: Exception) -> Tried:
    """Without the error's text, which may echo the mail: what of it is secret, the site alone knows."""
    outcome, _ = routes.classify(error)
    code = getattr(error, "smtp_code", None) or getattr(error, "status_code", None) or ""
    return Tried(outcome, ROUTE, detail=f"{type(error).__name__} {code}".strip())


def _not_tried(error: Exception) -> Tried:
    return Tried(TryOutcome.DOWN, ROUTE, detail=f"not tried after {type(error).__name__}")
