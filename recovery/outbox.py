"""Puts mail in, and steers what waits. A queued row is a promise: ``delivery`` takes it out, whatever dies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from recovery import audit, bell, limits
from recovery.accounts import key_of
from recovery.addresses import normalise
from recovery.models import AuditEvent, Email, EmailEvent, ResetRequest, ResetToken, SupportCase, moves
from recovery.models.emails import LOOK_BACK
from recovery.models.insertion import insert
from recovery.models.moves import Move
from recovery.models.primary import atomic
from recovery.reasons import LINK_KINDS, STAFF_VERBS, Action, EmailKind, EmailReason, EmailState, EmailVerb, TokenState

NOTICE_SEND_BY: Final = timedelta(hours=24)  # a notice of a change is still news the next day
PRIORITY: Final[Mapping[str, int]] = {
    EmailKind.RESET: 0,
    EmailKind.NO_PASSWORD: 0,
    EmailKind.BACKUP_CODE: 0,
    EmailKind.SUPPORT_CASE: 0,
    EmailKind.ALARM: 0,
    EmailKind.TEST: 0,
    EmailKind.UNKNOWN_ACCOUNT: 2,
}
NOTICE_PRIORITY: Final = 1
BATCH: Final = 500  # mails that are released by one statement

_ACTIONS: Final = {
    EmailVerb.RETRY: Action.EMAIL_RETRIED,
    EmailVerb.SET_ASIDE: Action.EMAIL_SET_ASIDE,
    EmailVerb.RELEASE: Action.EMAIL_RELEASED,
    EmailVerb.STOP: Action.EMAIL_STOPPED,
}
_REASONS: Final = {EmailVerb.SET_ASIDE: EmailReason.SET_ASIDE, EmailVerb.STOP: EmailReason.STAFF}
_TAKES_AWAY: Final = frozenset({EmailVerb.SET_ASIDE, EmailVerb.STOP})
_STARTS_ANEW: Final = frozenset({EmailVerb.RETRY, EmailVerb.RELEASE})
_BY_LEVEL: Final = (EmailReason.LEVEL_NONE, EmailReason.LEVEL_SYSTEM)


@dataclass(frozen=True, slots=True)
class Held:
    """Mail that the level holds back: what would still help if it left, what would come too late, and the site's
    other mail, whose text was not kept."""

    useful: int
    too_late: int
    site: int


def queue(
    kind: str,
    recipients: Sequence[str],
    *,
    send_by: datetime | None = None,
    user_key: str = "",
    request: ResetRequest | None = None,
    audience: str = "default",
    language: str = "",
    context: Mapping[str, Any] | None = None,
    held: EmailReason | None = None,
) -> list[Email]:
    """Write one email for each recipient, all or nothing, in the caller's transaction if there is one; see ``compose``.

    The caller rings or delivers. ``held``: why it is withheld from the first.
    """
    emails = compose(
        kind,
        recipients,
        send_by=send_by,
        user_key=user_key,
        request=request,
        audience=audience,
        language=language,
        context=context,
    )
    for email in emails if held else ():
        email.state, email.reason = EmailState.WITHHELD, held or ""
    write(emails)
    return emails


def write(emails: Sequence[Email], *noted: AuditEvent, after: tuple[str, list[Any]] | None = None) -> None:
    """Write composed emails, why some are withheld from the first, and rows of the trail; ``after`` an UPDATE of what
    they follow from. All or nothing, in the caller's transaction if there is one; the site is told of what is withheld
    after the commit.

    One statement for the mails and one for each of the others; on PostgreSQL one for all.
    """
    held = [
        EmailEvent(email=email, kind=email.state, occurred_at=email.queued_at, detail=email.reason)
        for email in emails
        if email.state == EmailState.WITHHELD
    ]
    insert(*emails, *held, *noted, after=after)
    moves.announce({email.pk: email.state for email in emails if email.state == EmailState.WITHHELD})


def compose(
    kind: str,
    recipients: Sequence[str],
    *,
    send_by: datetime | None = None,
    user_key: str = "",
    request: ResetRequest | None = None,
    audience: str = "default",
    language: str = "",
    context: Mapping[str, Any] | None = None,
) -> list[Email]:
    """One email for each recipient, to be written: several providers report opens and bounces per message.

    Recipients are stored addresses. ``send_by`` is 24 hours from now unless given. ``context`` must be JSON
    without secrets.
    """
    now = timezone.now()
    return [
        Email(
            kind=kind,
            audience=audience,
            recipient=recipient,
            recipient_key=normalise(recipient)[:254],
            user_key=user_key,
            request=request,
            language=language,
            context=dict(context or {}),
            priority=PRIORITY.get(kind, NOTICE_PRIORITY),
            queued_at=now,
            next_try_at=now,
            send_by=send_by or now + NOTICE_SEND_BY,
        )
        for recipient in dict.fromkeys(recipients)
    ]


def ring(emails: Sequence[Email]) -> None:
    """Wake a worker after the commit, if any of them waits: it takes the most urgent mail first, these or others."""
    if any(email.state == EmailState.QUEUED for email in emails):
        bell.ring("recovery.send_email")


def verbs_for(email: Email) -> list[EmailVerb]:
    """What staff may do with this email now. The text of the site's other mail was not kept: there is nothing to do."""
    if email.kind == EmailKind.SITE:
        return []
    allowed = [verb for verb in EmailVerb if verb in STAFF_VERBS and moves.allows(email, verb)]
    return [verb for verb in allowed if verb != EmailVerb.RELEASE or would_help(email)]


def steer(email: Email, verb: EmailVerb, *, actor: AbstractBaseUser, reason: str) -> bool:
    """Do what staff decided, with its line in the trail, commit and ring. False: the email had moved on meanwhile.

    Put back or released, it starts anew: tries and strikes count from none, and the second check decides again. Where a
    reset mail is taken away, failures of earlier ones are followed up that were left alone for its sake.
    """
    if verb not in verbs_for(email):
        return False
    move = Move(email_id=email.pk, verb=verb, reason=_REASONS.get(verb, ""), anew=verb in _STARTS_ANEW)
    with atomic(Email):
        people = _held_people(email) if verb in _TAKES_AWAY and email.kind in LINK_KINDS else []
        moved = moves.move([move])
        if moved:
            audit.record(
                _ACTIONS[verb],
                actor_key=key_of(actor),
                user_key=email.user_key,
                request_id=email.request_id,
                email=email,
                reason=reason,
            )
            _follow_up_anew(people)
    if moved.get(email.pk) == EmailState.QUEUED:
        bell.ring("recovery.send_email", email.pk)
    return bool(moved)


def _held_people(email: Email) -> list[str]:
    """The accounts whose links this mail carried, held: the ladder may be deciding at this moment whether to wait."""
    links = ResetToken.objects.filter(email=email).order_by("user_key")
    people = list(links.values_list("user_key", flat=True))
    for user_key in people:
        limits.hold("account", user_key)
    return people


def _follow_up_anew(people: Sequence[str]) -> None:
    """Let the ladder look once more at failures of people whose newer link comes no more. Not where a case has told the
    support team since; to whom nothing is owed, the ladder does nothing."""
    keys = set[UUID]()
    for user_key in people:
        told = SupportCase.objects.filter(user_key=user_key, opened_at__gte=OuterRef("queued_at"))
        links = ResetToken.objects.filter(user_key=user_key)
        failed = Email.objects.failed().filter(pk__in=links.values("email"), queued_at__gt=Now() - LOOK_BACK)
        keys |= set(failed.exclude(Exists(told)).values_list("pk", flat=True))
    Email.objects.filter(pk__in=keys).update(followed_up_at=None)
    bell.ring_each("recovery.follow_up", sorted(keys))


def would_help(email: Email) -> bool:
    """Whether it would still be of use if it left now."""
    return _useful(Email.objects.filter(pk=email.pk)).exists()


def held() -> Held:
    """How much the level holds back."""
    withheld = Email.objects.filter(state=EmailState.WITHHELD, reason__in=_BY_LEVEL)
    useful, site = _useful(withheld).count(), withheld.filter(kind=EmailKind.SITE).count()
    return Held(useful=useful, too_late=withheld.count() - useful - site, site=site)


def release_held(*, actor: AbstractBaseUser, reason: str) -> int:
    """Queue what the level held back and is still of use, the urgent and the oldest first; one commit and one line in
    the trail. Returns how many."""
    waiting = _useful(Email.objects.filter(state=EmailState.WITHHELD, reason__in=_BY_LEVEL))
    released = 0
    with atomic(Email):
        keys = list(waiting.order_by("priority", "queued_at").values_list("pk", flat=True))
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH]
            released += len(moves.move([Move(email_id=key, verb=EmailVerb.RELEASE, anew=True) for key in batch]))
        if released:
            audit.record(Action.EMAIL_RELEASED, actor_key=key_of(actor), reason=reason, released=released)
    if released:
        bell.ring("recovery.send_email")
    return released


def _useful(emails: "QuerySet[Email]") -> "QuerySet[Email]":
    live = ResetToken.objects.filter(email=OuterRef("pk"), state=TokenState.LIVE, expires_at__gt=Now())
    in_time = emails.filter(send_by__gt=Now()).exclude(kind=EmailKind.SITE)
    return in_time.filter(~Q(kind__in=LINK_KINDS) | Exists(live))
