"""The ladder: a mail with a link failed for good. A backup address gets a fresh link at once; else support gets a case.

The class of a bounce decides nothing here, only whether the address is mailed again: whatever failed, a person waits.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from recovery import accounts, alarms, audit, backup_addresses, cases, delivery, level, limits, outbox, tokens
from recovery.addresses import normalise
from recovery.conf import conf
from recovery.models import Bounce, Email, ResetRequest, ResetToken
from recovery.models.emails import LOOK_BACK
from recovery.models.primary import SKEW, atomic, key_at
from recovery.reasons import (
    LINK_KINDS,
    Action,
    Alarm,
    BounceClass,
    CaseReason,
    EmailReason,
    EmailState,
    Outcome,
)
from recovery.resets import placing

TOO_LATE: Final = timedelta(hours=24)
"""How long after the ask a failure still brings a fresh link; after it, also by a report about an old mail, a case."""
BATCH: Final = 200


def follow_up(email_id: UUID) -> bool:
    """Climb, and deliver what was queued; False: nothing was due. Commits as ``climb`` does, and then each delivery."""
    emails = climb(email_id)
    for each in emails or ():
        if each.state == EmailState.QUEUED:
            delivery.deliver(each.pk)
    return emails is not None


def climb(email_id: UUID) -> list[Email] | None:
    """Take the next rung for each account whose link this mail carried, once, for a caller that drains the queue
    anyway; what was queued, None where nothing was due. One commit.

    Whoever got in meanwhile, or has a newer link on its way, needs nothing; inactive accounts get nothing. Of a mail to
    the support team somebody is told by an alarm.
    """
    with atomic(Email):
        # First of all, in this order: two failures of one person, or one and staff, go one after the other.
        for user_key in (
            ResetToken.objects.filter(email=email_id).order_by("user_key").values_list("user_key", flat=True)
        ):
            limits.hold("account", user_key)
        if not Email.objects.lost().filter(pk=email_id).update(followed_up_at=Now()):
            return None
        email = Email.objects.select_related("request").get(pk=email_id)
        if email.kind in LINK_KINDS:
            return _climb(email)
    alarms.sound(Alarm.CASE_NOT_TOLD, "email", detail=f"mail {email_id}: {email.state} {email.reason}".strip())
    return []


def lost() -> Sequence[UUID]:
    """Mails that failed for good and nobody followed up, the oldest first: what no ring reached."""
    first = key_at(timezone.now() - LOOK_BACK - SKEW)
    recent = Email.objects.lost().filter(pk__gt=first, queued_at__gt=Now() - LOOK_BACK)
    return list(recent.order_by("pk").values_list("pk", flat=True)[:BATCH])


def unreachable(user: AbstractBaseUser) -> str | None:
    """The main address of ``user``, if mail to it failed last time; None while all is well, or nothing is known.

    For a banner of the site: one or two statements.
    """
    main = accounts.of_user(user).reset_address
    if main is None:
        return None
    told = Q(state__in=(EmailState.DELIVERED, EmailState.BOUNCED))
    refused = Q(state__in=(EmailState.FAILED, EmailState.WITHHELD), reason__in=_OF_THE_ADDRESS)
    sent = Email.objects.filter(told | refused, recipient_key=normalise(main.text)[:254])
    last = sent.order_by("-queued_at").values_list("state", flat=True).first()
    return None if last in (None, EmailState.DELIVERED) else main.text


def came_by_backup(token: ResetToken, user: AbstractBaseUser) -> bool:
    """Whether the link that the person used had gone to a backup address: the main one failed."""
    return token.address not in accounts.of_user(user).verified_addresses


_OF_THE_ADDRESS: Final = (EmailReason.PROVIDER_REFUSED_RECIPIENT, EmailReason.SUPPRESSED)


def _climb(email: Email) -> list[Email]:
    emails: list[Email] = []
    for link in email.tokens.select_related("request").order_by("user_key"):
        user = accounts.by_key(link.user_key)
        if user is not None and user.is_active and _is_waiting(email, link):
            emails += _next_rung(email, link, user)
    return emails


def _is_waiting(email: Email, link: ResetToken) -> bool:
    """Whether this person has neither got in since, nor a newer link that may still come."""
    theirs = ResetToken.objects.filter(user_key=link.user_key)
    if theirs.used_since(email.queued_at).exists():
        return False
    return not theirs.filter(purpose=link.purpose).newer_than(link.issued_at).exists()


def _next_rung(email: Email, link: ResetToken, user: AbstractBaseUser) -> list[Email]:
    account, request = accounts.of_user(user), link.request
    is_late = request.requested_at < timezone.now() - TOO_LATE
    mailed = Email.objects.filter(request=request, kind__in=LINK_KINDS)
    tried = set(mailed.filter(tokens__user_key=account.key).values_list("recipient_key", flat=True))
    backup = None if is_late else backup_addresses.next_for(account.key, not_in=sorted(tried))
    if backup is None:
        _escalate(email, request, account.key, by_backup=len(tried) > 1)
        return []
    places = placing.placed(request, [user])
    emails = outbox.queue(
        email.kind,
        [backup.address],
        send_by=timezone.now() + conf.SEND_BY,
        user_key=account.key,
        request=request,
        audience=places.audience,
        language=request.language,
        context={"usernames": {account.key: account.public_name}, "to_backup": True, **places.context},
        held=level.holds(email.kind),
    )
    tokens.issue(user, request=request, email=emails[0], address=backup.address, purpose=link.purpose)
    audit.record(
        Action.BACKUP_MAILED,
        user_key=account.key,
        request=request,
        email=emails[0],
        after=email.state,
        why=email.reason,
    )
    return emails


def _escalate(email: Email, request: ResetRequest, user_key: str, *, by_backup: bool) -> None:
    cases.open_for(user_key, request=request, reason=_reason(email, by_backup=by_backup), began_at=email.queued_at)
    undecided = ResetRequest.objects.filter(pk=request.pk, outcome__in=(Outcome.SENT, Outcome.PARTLY_SENT))
    undecided.update(outcome=Outcome.ESCALATED)


def _reason(email: Email, *, by_backup: bool) -> CaseReason:
    if by_backup:
        return CaseReason.BACKUP_BOUNCED
    if email.state == EmailState.EXPIRED:
        return CaseReason.UNDELIVERABLE
    is_soft = Bounce.objects.filter(email=email).order_by("-occurred_at").values_list("bounce_class", flat=True).first()
    if is_soft == BounceClass.SOFT:
        return CaseReason.REPEATED_SOFT
    is_ours = email.state == EmailState.FAILED and email.reason not in ("", *_OF_THE_ADDRESS)
    return CaseReason.UNDELIVERABLE if is_ours else CaseReason.BOUNCED_NO_BACKUP
