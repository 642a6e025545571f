"""A test mail: the way of every other mail, from the outbox over worker and provider to its delivered event."""

import time
from datetime import timedelta
from typing import Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from recovery import audit, level, outbox
from recovery.accounts import key_of
from recovery.conf import conf
from recovery.doctor.symptoms import Symptom
from recovery.models import Email
from recovery.models.primary import atomic
from recovery.reasons import Action, EmailKind, EmailState, Examined, Judgement

SEND_BY: Final = timedelta(minutes=10)
BETWEEN_LOOKS: Final = 0.2  # seconds
_ENDS: Final = frozenset(
    {
        EmailState.DELIVERED,
        EmailState.BOUNCED,
        EmailState.FAILED,
        EmailState.WITHHELD,
        EmailState.EXPIRED,
        EmailState.CANCELLED,
    }
)


def send(address: str, *, audience: str = "default", actor: AbstractBaseUser | None = None, reason: str = "") -> Email:
    """Queue one, with its line in the trail, commit and ring. ``actor``: the member of staff who asks; None: a command.

    The mail level holds it back as it does any other.
    """
    with atomic(Email):
        [email] = outbox.queue(
            EmailKind.TEST,
            [address],
            audience=audience,
            language=translation.get_language() or "",
            send_by=timezone.now() + SEND_BY,
            held=level.holds(EmailKind.TEST),
        )
        actor_key = key_of(actor) if actor else ""
        audit.record(Action.TEST_MAIL_SENT, actor_key=actor_key, email=email, reason=reason, audience=audience)
    outbox.ring([email])
    return email


def follow(email: Email, *, within: float) -> Symptom:
    """Wait for what becomes of it, ``within`` seconds at most, and say what is missing. Reads only."""
    started = time.monotonic()
    email.refresh_from_db()
    while not _is_over(email) and time.monotonic() - started < within:
        time.sleep(BETWEEN_LOOKS)  # it is another process that writes the row
        email.refresh_from_db()
    return told(email)


def _is_over(email: Email) -> bool:
    """Nothing more will be heard of it."""
    return email.state in _ENDS or (email.state == EmailState.HANDED_OVER and email.esp not in conf.WEBHOOKS)


def told(email: Email) -> Symptom:
    """How far it came, and what to do for it to come further."""
    seconds = (timezone.now() - email.queued_at).total_seconds()
    facts = {"route": email.route or "–", "seconds": f"{seconds:.0f}", "reason": email.get_reason_display()}
    if email.state == EmailState.DELIVERED:
        said = _("The test mail was delivered by route %(route)s.") % facts
        return Symptom(Examined.TEST_MAIL, Judgement.OK, said, _("Look whether it lies in the inbox or in spam."))
    if email.state == EmailState.HANDED_OVER and email.esp not in conf.WEBHOOKS:
        said = _("Route %(route)s took the test mail, and reports nothing back.") % facts
        advice = _("Look into the mailbox. Where a provider stands behind it, name it in RECOVERY['WEBHOOKS'].")
        return Symptom(Examined.TEST_MAIL, Judgement.NOTICE, said, advice)
    said, advice = _missing(email)
    return Symptom(Examined.TEST_MAIL, Judgement.PROBLEM, said % facts, advice)


def _missing(email: Email) -> tuple[str, str]:
    if email.state in (EmailState.QUEUED, EmailState.SENDING):
        said = _("After %(seconds)s s no worker has sent the test mail.")
        return said, _("Start a Celery worker, or run recovery_sweep.")
    if email.state == EmailState.HANDED_OVER:
        said = _(
            "Route %(route)s took the test mail, and after %(seconds)s s the provider has not said what became of it."
        )
        advice = _("Look at the webhook's settings at the provider: URL, secret, and whether it posts delivery events.")
        return said, advice
    if email.state == EmailState.WITHHELD:
        return _("The test mail was held back: %(reason)s."), _("Raise the mail level, or lift the suppression.")
    if email.state == EmailState.BOUNCED:
        return _("The test mail came back."), _("Try another address; the mail's page says what the server answered.")
    said = _("The test mail did not get out: %(reason)s.") if email.reason else _("What became of it is not clear.")
    return said, _("Open the mail's page in the email log: it has each try and its answer.")
