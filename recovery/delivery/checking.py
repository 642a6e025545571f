"""The second check, right before the provider is called: what changed since the mail was queued?

For all mails of a claim at once, by the database's time of that claim.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import InterfaceError, OperationalError

from recovery import accounts, alarms, level, rendering, routes, suppressions, tokens
from recovery.addresses import normalise
from recovery.delivery import doubts, judging, speaking
from recovery.delivery.held import Held
from recovery.models import BackupAddress, Email, ResetRequest, ResetToken
from recovery.models.moves import Move
from recovery.reasons import LINK_KINDS, Alarm, EmailKind, EmailReason, EmailVerb, MailLevel, Refusal, TokenState

logger = logging.getLogger(__name__)

Stop = tuple[EmailVerb, EmailReason]

ANYWHERE: Final = LINK_KINDS | {
    EmailKind.ADDRESS_CHANGED, EmailKind.UNKNOWN_ACCOUNT, EmailKind.BACKUP_CHANGED, EmailKind.BACKUP_CODE,
    EmailKind.SUPPORT_CASE, EmailKind.ALARM, EmailKind.ADDRESS_PROPOSED, EmailKind.TEST,
}  # fmt: skip
"""Kinds whose recipient need not be an address of the account now: a reset's links say where they may go, notices of a
changed address go to the one of before as well, a stranger's has no account, a code proves a new address."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read for a whole claim."""

    at: datetime
    level: MailLevel
    links: Mapping[UUID | None, Sequence[ResetToken]]
    people: Mapping[str, AbstractBaseUser]
    suppressed: Mapping[str, Mapping[str, str]]


def check(claimed: Sequence[Held], at: datetime) -> tuple[list[Held], list[Move]]:
    """Which of them may leave, with their links and in the language of their accounts; and the moves of those that must
    not.

    A doubted mail that must not leave any more is among the first where its provider can be asked.
    """
    facts = _facts([held.email for held in claimed], at)
    ready, moves = [], []
    for held in claimed:
        move = _checked(held, facts)
        if move is None:
            ready.append(held)
        else:
            moves.append(move)
    speaking.choose(ready, facts.people)
    return ready, moves


def _facts(emails: Sequence[Email], at: datetime) -> Facts:
    links = defaultdict(list)
    with_links = [email.pk for email in emails if email.kind in LINK_KINDS]
    if with_links:
        for link in ResetToken.objects.filter(email__in=with_links).order_by("issued_at"):
            links[link.email_id].append(link)
    requests = ResetRequest.objects.in_bulk({email.request_id for email in emails if email.request_id})
    for email in emails:
        if email.request_id in requests:
            email.request = requests[email.request_id]
    keys = {email.user_key for email in emails} | {link.user_key for each in links.values() for link in each}
    return Facts(
        at=at,
        level=level.current(),
        links=links,
        people=accounts.by_keys(filter(None, keys)),
        suppressed=suppressions.held(email.recipient_key for email in emails),
    )


def _checked(held: Held, facts: Facts) -> Move | None:
    email = held.email
    held.may_wait = (email.send_by - facts.at).total_seconds() > doubts.LAST_CALL
    try:
        stop = _why_not(held, facts)
    except (InterfaceError, OperationalError):
        raise
    except Exception as error:
        # The site's own way of finding accounts: what it stumbles over keeps no other mail waiting.
        logger.exception("email %s could not be checked and waits for its next try", email.pk)
        return judging.not_rendered(held, error=type(error).__name__, detail=type(error).__name__)
    places = doubts.places(email)
    held.ask_at = [name for name in places if routes.can_be_asked(name)]
    held.is_askable = bool(places) and len(held.ask_at) == len(places)
    if stop is None:
        return None
    verb, reason = stop
    if reason == EmailReason.POISON:
        alarms.sound(Alarm.POISON, str(email.pk))
    if not email.doubt_count:
        return Move(email_id=email.pk, verb=verb, reason=reason)
    held.stop = Move(email_id=email.pk, verb=verb, reason=reason, doubts=None)
    return None if held.ask_at else doubts.rest(held.stop)


def _why_not(held: Held, facts: Facts) -> Stop | None:
    email = held.email
    if email.send_by <= facts.at:
        return EmailVerb.EXPIRE, EmailReason.PAST_SEND_BY
    if email.strike_count > judging.MOST_TRIES:
        return EmailVerb.FAIL, EmailReason.POISON
    if reason := level.holds(email.kind, facts.level):
        return EmailVerb.WITHHOLD, reason
    if email.kind in facts.suppressed.get(email.recipient_key, ()):
        return EmailVerb.WITHHOLD, EmailReason.SUPPRESSED
    if email.kind in LINK_KINDS:
        return _of_links(held, facts)
    return _of_owner(email, facts) if email.user_key else None


def _of_links(held: Held, facts: Facts) -> Stop | None:
    """It leaves with the links that still work, if there are any."""
    mailed = facts.links.get(held.email.pk, ())
    held.links = [
        link
        for link in mailed
        if link.state == TokenState.LIVE and tokens.refusal(link, facts.people.get(link.user_key), at=facts.at) is None
    ]
    return None if held.links else (EmailVerb.CANCEL, _why_dead(mailed, facts))


def _why_dead(mailed: Sequence[ResetToken], facts: Facts) -> EmailReason:
    owners = [(link, facts.people.get(link.user_key)) for link in mailed]
    if {tokens.refusal(link, owner, at=facts.at) for link, owner in owners} == {Refusal.INACTIVE}:
        return EmailReason.INACTIVE
    moved = [bool(owner and link.address and not tokens.reaches(link, owner)) for link, owner in owners]
    return EmailReason.ADDRESS_CHANGED if moved and all(moved) else EmailReason.TOKEN_DEAD


def _of_owner(email: Email, facts: Facts) -> Stop | None:
    owner = facts.people.get(email.user_key)
    if owner is None or not owner.is_active:
        return EmailVerb.CANCEL, EmailReason.INACTIVE
    if email.kind == EmailKind.BACKUP_CODE and not rendering.code_of(email):
        return EmailVerb.CANCEL, EmailReason.TOKEN_DEAD
    if email.kind in ANYWHERE:
        return None
    own = {normalise(address.text)[:254] for address in accounts.of_user(owner).addresses}
    if email.recipient_key in own or _is_backup(email):
        return None
    return EmailVerb.CANCEL, EmailReason.ADDRESS_CHANGED


def _is_backup(email: Email) -> bool:
    """Notices go to usable backup addresses, too."""
    same = BackupAddress.objects.filter(user_key=email.user_key, address_key=email.recipient_key)
    return same.usable().exists()
