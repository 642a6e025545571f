"""Which rows are one person's, kind by kind; reads only. Whoever erases and whoever tells read the same ones.

A table with text of people that is missing here is found by the tests, which search the whole database.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final
from uuid import UUID

from django.db import models
from django.db.models import Q, QuerySet

from recovery import lockouts, suppressions
from recovery.addresses import normalise
from recovery.models import (
    AccountState,
    AddressCorrection,
    AuditEvent,
    AuditOrigin,
    BackupAddress,
    Bounce,
    Decision,
    Email,
    EmailEvent,
    Lockout,
    RepairMember,
    ResetRequest,
    ResetToken,
    Revocation,
    RotationMember,
    SupportCase,
    Suppression,
)
from recovery.privacy import mentions
from recovery.privacy.people import Person
from recovery.reasons import EmailKind


def requests(person: Person) -> "QuerySet[ResetRequest]":
    """Asks about this account, and those under one of its names that meant nobody else."""
    decided = Decision.objects.filter(user_key=person.key).values("request")
    linked = ResetToken.objects.filter(user_key=person.key).values("request")
    typed = Q(identifier__in=person.spellings) | _any("identifier", "iexact", person.names)
    typed |= Q(pk__in=_spelled_otherwise(person))
    named = typed & Q(user_key__in=["", person.key])
    return ResetRequest.objects.filter(Q(user_key=person.key) | Q(pk__in=decided) | Q(pk__in=linked) | named).order_by()


def shared_requests(keys: Sequence[UUID], person: Person) -> set[UUID]:
    """Which of these meant another account, too."""
    others = Decision.objects.filter(request__in=keys).exclude(user_key__in=["", person.key])
    return set(others.values_list("request", flat=True))


def emails(person: Person) -> "QuerySet[Email]":
    """Mail for this account, mail to one of its addresses that was for nobody else, and what support was told."""
    own = Q(user_key=person.key) | Q(user_key="", recipient_key__in=person.address_keys)
    linked = ResetToken.objects.filter(user_key=person.key, email__isnull=False).values("email")
    # Of several accounts of one address, it says itself whose it is: a link may be gone before its mail.
    named = Q(user_key="", context__usernames__has_key=person.key)
    told = [str(pk) for pk in cases(person).values_list("pk", flat=True)]
    # That a case was closed may still be on its way to whoever works on it.
    news = Q(kind=EmailKind.SUPPORT_CASE, context__case__in=told, context__is_closed=False)
    return Email.objects.filter(own | named | Q(pk__in=linked) | news).order_by()


def shared_emails(keys: Sequence[UUID], person: Person) -> set[UUID]:
    """Which of these are for another account, too: they name it, or brought it a link."""
    others = ResetToken.objects.filter(email__in=keys).exclude(user_key=person.key)
    mails = Email.objects.filter(pk__in=keys, user_key="").order_by().only("context")
    return {
        *others.values_list("email", flat=True),
        *(email.pk for email in mails if email.account_keys - {person.key}),
    }


def trail(person: Person) -> "QuerySet[AuditEvent]":
    """In its order. Without lines of nobody, in words: by these SQLite finds the index of accounts."""
    return AuditEvent.objects.filter(user_key=person.key).exclude(user_key="").order_by("pk")


def links(person: Person) -> "QuerySet[ResetToken]":
    return ResetToken.objects.filter(user_key=person.key).order_by()


def decisions(person: Person) -> "QuerySet[Decision]":
    return Decision.objects.filter(user_key=person.key).order_by()


def reports(person: Person) -> "QuerySet[EmailEvent]":
    """What was told, or posted and not understood, of no mail that we know, and names an address of theirs."""
    addresses = [name for name in person.names if "@" in name]
    nobodys: QuerySet[EmailEvent] = models.QuerySet(EmailEvent).filter(email=None).order_by()
    found = nobodys.filter(mentions.may_name(_REPORTED, addresses)).values_list("pk", *_REPORTED)
    theirs = [pk for pk, *texts in found.iterator() if any(mentions.named_in(text, addresses) for text in texts)]
    return nobodys.filter(pk__in=theirs)


_REPORTED: Final = ("recipient", "content", "detail", "error")
"""Where a report may name whom it is about."""


def bounces(person: Person) -> "QuerySet[Bounce]":
    own = Q(user_key=person.key) | Q(user_key="", recipient_key__in=person.address_keys)
    return Bounce.objects.filter(own).order_by()


def suppressed(person: Person) -> "QuerySet[Suppression]":
    return Suppression.objects.filter(address_key__in=person.address_keys).order_by()


def left_suppressed(person: Person) -> "QuerySet[Suppression]":
    """What an earlier erasure left, so that they are not mailed."""
    forms = suppressions.kept_as(person.address_keys)
    return Suppression.objects.filter(address_key__in=forms, address_key__startswith=suppressions.HASHED).order_by()


def cases(person: Person) -> "QuerySet[SupportCase]":
    return SupportCase.objects.filter(user_key=person.key).order_by()


def rotated(person: Person) -> "QuerySet[RotationMember]":
    return RotationMember.objects.filter(user_key=person.key).order_by()


def repaired(person: Person) -> "QuerySet[RepairMember]":
    return RepairMember.objects.filter(user_key=person.key).order_by()


def corrections(person: Person) -> "QuerySet[AddressCorrection]":
    return AddressCorrection.objects.filter(user_key=person.key).order_by()


def corrections_of_others(person: Person) -> "QuerySet[AddressCorrection]":
    """To or from one of their addresses, by mistake: they are others' rows, and neither told nor taken away."""
    named = _any("new_address", "iexact", person.names) | _any("old_address", "iexact", person.names)
    return AddressCorrection.objects.filter(named).exclude(user_key=person.key).order_by()


def backups(person: Person) -> "QuerySet[BackupAddress]":
    return BackupAddress.objects.filter(user_key=person.key).order_by()


def locked(person: Person) -> "QuerySet[Lockout]":
    return lockouts.episodes_of(person.key, person.names)


def devices(person: Person) -> "QuerySet[AccountState]":
    """What is known of their browsers; of an account that is gone, all that is remembered of it."""
    rows = AccountState.objects.filter(pk=person.key).order_by()
    return rows if person.is_gone else rows.exclude(device_known_since=None, hashed_as="", known_as="")


def revocations(person: Person) -> "QuerySet[Revocation]":
    return Revocation.objects.filter(user_key=person.key).order_by()


def places(person: Person) -> "QuerySet[AuditOrigin]":
    """Where the person acted from, beside the trail, and client addresses of nobody else in what meant nobody. Whoever
    verifies the trail learns from the record of an erasure how many it took."""
    return AuditOrigin.objects.filter(Q(person_key=person.key) | Q(person_key="", ip__in=person.ips))


KINDS: Final[Mapping[str, Callable[[Person], "QuerySet[Any]"]]] = {
    "requests": requests,
    "decisions": decisions,
    "links": links,
    "emails": emails,
    "reports": reports,
    "bounces": bounces,
    "suppressions": suppressed,
    "cases": cases,
    "rotations": rotated,
    "repairs": repaired,
    "corrections": corrections,
    "backups": backups,
    "lockouts": locked,
    "devices": devices,
    "revocations": revocations,
    "places": places,
}


def held(person: Person) -> dict[str, int]:
    """How many rows of each kind there are, without kinds of which there is none."""
    counts = {kind: of(person).count() for kind, of in KINDS.items()}
    return {kind: count for kind, count in counts.items() if count}


def _any(column: str, lookup: str, texts: Iterable[str]) -> Q:
    """One of these texts; without any, no row."""
    return reduce(or_, (Q(**{f"{column}__{lookup}": text}) for text in sorted(texts)), Q(pk__in=[]))


def _spelled_otherwise(person: Person) -> list[UUID]:
    """Full-width letters and the like, which only we take for the same name."""
    names = set(person.address_keys)
    strange = ResetRequest.objects.filter(identifier__regex=r"[^ -~]", user_key__in=["", person.key])
    return [
        pk for pk, typed in strange.order_by().values_list("pk", "identifier").iterator() if normalise(typed) in names
    ]
