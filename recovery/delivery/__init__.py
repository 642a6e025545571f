"""Takes mail out: claim, check again, render, send, note.

Every step that can die leaves the row in a state from which the sweep goes on: the claim is committed before
the provider is called, tries are counted before they are made, and a lease that ran out frees the mail. A
mail may leave twice only when a worker dies between the provider's answer and its note; then it carries the
same link under the same Message-ID.
"""

import logging
import random
import re
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Case, F, Value, When
from django.db.models.functions import Now
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from recovery import accounts, rendering, routes, tokens
from recovery.exceptions import SecretLost, SendFailed, SendRefused
from recovery.models import Email, ResetToken
from recovery.models.primary import atomic
from recovery.reasons import STATE_RANK, EmailKind, EmailReason, EmailState, EventKind, Refusal, TokenState
from recovery.signals import email_changed_state

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=90)
MOST_TRIES: Final = 12
FIRST_WAIT: Final = timedelta(seconds=10)
LONGEST_WAIT: Final = timedelta(minutes=5)
SOFT_BREAK: Final = re.compile(r"=\r?\n")  # quoted-printable (RFC 2045 section 6.7) cuts a long link in two


class Setback(NamedTuple):
    """Why a mail did not leave this time, and what the other side said, without any link."""

    reason: EmailReason
    detail: str


def deliver(email_id: UUID) -> str | None:
    """Send one email if it is due; returns its state afterwards, None when there was nothing to do.

    Commits the claim before the provider is called and the outcome after it. Safe to call any number of
    times and from anywhere: only one caller gets the claim.
    """
    email = _claim(email_id)
    if email is None:
        return None
    if stop := _why_not(email):
        state, reason = stop
        return _end(email, state, reason)
    return _send(email, _live_links(email))


def _claim(email_id: UUID) -> Email | None:
    """Take the email under a lease, count the try, and commit; None if it is not due or another has it."""
    owner = uuid.uuid4()
    with atomic(Email):
        claimed = Email.objects.due().filter(pk=email_id)
        if not claimed.update(
            state=EmailState.SENDING,
            attempt_count=F("attempt_count") + 1,
            lease_owner=owner,
            lease_until=Now() + LEASE,
        ):
            return None
        email = Email.objects.select_related("request").get(pk=email_id)
        email.note(EventKind.SENDING)
    return email


def _why_not(email: Email) -> tuple[str, str] | None:
    """The second check, right before the provider is called: what changed since the mail was queued?"""
    if email.send_by <= timezone.now():
        return EmailState.EXPIRED, EmailReason.PAST_SEND_BY
    if email.attempt_count > MOST_TRIES and email.reason != EmailReason.PROVIDER_DOWN:
        return EmailState.FAILED, EmailReason.POISON
    if email.kind == EmailKind.RESET:
        return None if _live_links(email) else (EmailState.CANCELLED, _why_dead(email))
    owner = accounts.by_key(email.user_key) if email.user_key else None
    if email.user_key and (owner is None or not owner.is_active):
        return EmailState.CANCELLED, EmailReason.INACTIVE
    return None


def _live_links(email: Email) -> list[ResetToken]:
    links = email.tokens.filter(state=TokenState.LIVE)
    return [link for link in links if tokens.refusal(link, accounts.by_key(link.user_key)) is None]


def _why_dead(email: Email) -> str:
    owners = [(link, accounts.by_key(link.user_key)) for link in email.tokens.all()]
    if {tokens.refusal(link, owner) for link, owner in owners} == {Refusal.INACTIVE}:
        return EmailReason.INACTIVE
    moved = [
        owner and link.address and link.address not in accounts.of_user(owner).verified_addresses
        for link, owner in owners
    ]
    return EmailReason.ADDRESS_CHANGED if moved and all(moved) else EmailReason.TOKEN_DEAD


def _send(email: Email, links: Sequence[ResetToken]) -> str:
    outcome = _hand_over(email, links)
    if isinstance(outcome, routes.Handover):
        return _handed_over(email, outcome)
    if outcome.reason == EmailReason.PROVIDER_REFUSED_RECIPIENT:
        return _end(email, EmailState.FAILED, outcome.reason, outcome.detail)
    return _defer(email, outcome.reason, outcome.detail)


@sensitive_variables()
def _hand_over(email: Email, links: Sequence[ResetToken]) -> routes.Handover | Setback:
    """Render and send. What went wrong is returned, not raised, and noted once its exception is gone: an error of
    the note would carry it as context, and with it the mail it echoes, into logs and reports."""
    secrets: list[str] = []
    try:
        secrets = _secrets(links)
        message = rendering.message_for(email, links)
    except Exception as error:  # noqa: BLE001 - templates and translations are the site's
        return _not_rendered(email, error, secrets)
    try:
        return routes.send(message, email)
    except SendRefused as error:
        return Setback(EmailReason.PROVIDER_REFUSED_RECIPIENT, _clean(error, secrets))
    except SendFailed as error:
        return Setback(EmailReason.PROVIDER_DOWN, _clean(error, secrets))
    except ValueError as error:  # BadHeaderError on Django 5.2, ValueError from 6.0 on
        return _not_rendered(email, error, secrets)


def _secrets(links: Sequence[ResetToken]) -> list[str]:
    for link in links:
        try:
            tokens.verifier_of(link)
        except SecretLost:
            tokens.mint_anew(link)  # its key was rotated away before the mail ever left
    return [tokens.verifier_of(link) for link in links]


def _handed_over(email: Email, handover: routes.Handover) -> str:
    """Note the provider's answer; a report of its webhook that came earlier keeps its higher state."""
    with atomic(Email):
        ours = Email.objects.filter(pk=email.pk, lease_owner=email.lease_owner)
        noted = ours.update(
            state=_at_least(EmailState.HANDED_OVER),
            handed_over_at=Now(),
            route=handover.route,
            esp=handover.esp,
            esp_message_id=handover.esp_message_id,
            reason="",
            lease_owner=None,
            lease_until=None,
        )
        if noted:
            email.note(EventKind.HANDED_OVER, detail=handover.esp_message_id)
            tokens.handed_over([email])
    return _moved(email, noted=bool(noted))


def _not_rendered(email: Email, error: Exception, secrets: Sequence[str]) -> Setback:
    """Tried again later all the same: a template may be mended before the mail is too late."""
    logger.error("email %s: %s (%s)", email.pk, EmailReason.RENDER_ERROR, type(error).__name__)
    return Setback(EmailReason.RENDER_ERROR, _clean(error, secrets))


def _defer(email: Email, reason: str, detail: str) -> str:
    """Wait with full jitter, twice as long each time; past send-by the next claim ends it.

    An outage of the provider poisons nothing, however long: send-by alone limits it.
    """
    if email.attempt_count >= MOST_TRIES and reason != EmailReason.PROVIDER_DOWN:
        return _end(email, EmailState.FAILED, EmailReason.POISON, detail)
    ceiling = min(FIRST_WAIT * 2 ** min(email.attempt_count - 1, MOST_TRIES), LONGEST_WAIT)
    wait = timedelta(seconds=random.uniform(1, ceiling.total_seconds()))  # noqa: S311 - spreads load, hides nothing
    return _note(email, EmailState.DEFERRED, EventKind.DEFERRED, reason, detail, next_try_at=Now() + wait)


def _end(email: Email, state: str, reason: str, detail: str = "") -> str:
    return _note(email, state, state, reason, detail)


def _note(email: Email, state: str, event: str, reason: str, detail: str, **changes: Any) -> str:
    with atomic(Email):
        ours = Email.objects.filter(pk=email.pk, lease_owner=email.lease_owner, state=EmailState.SENDING)
        noted = ours.update(state=state, reason=reason, lease_owner=None, lease_until=None, **changes)
        if noted:
            email.note(event, detail=f"{reason}: {detail}" if detail else reason)
    return _moved(email, noted=bool(noted))


def _moved(email: Email, *, noted: bool) -> str:
    """Its state by now, told to the site if we moved it: a report that came earlier may have moved it further."""
    state = Email.objects.values_list("state", flat=True).get(pk=email.pk)
    if noted:
        email_changed_state.send_robust(sender=Email, email_id=email.pk, state=state)
    return state


def _at_least(state: str) -> Case:
    higher = [word for word, rank in STATE_RANK.items() if rank > STATE_RANK[state]]
    return Case(When(state__in=higher, then=F("state")), default=Value(state))


def _clean(error: Exception, secrets: Sequence[str]) -> str:
    """What went wrong, without any link: a provider's answer or a traceback line may echo the mail."""
    text = SOFT_BREAK.sub("", str(error)) or type(error).__name__
    for secret in secrets:
        middle = len(secret) // 2
        for part in (secret, secret[:middle], secret[middle:]):
            text = text.replace(part, "[secret]")
    return " ".join(text.split())
