"""What was to be done, was not, and waits for somebody: access that did not end, mail that was set aside, news of cases
that no target took. Each from the rows that say so, until they say otherwise; ``troubles`` lists it with all else.
"""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import ngettext

from recovery.metrics import windows
from recovery.models import CaseTelling, Email, Revocation, RotationMember
from recovery.models.primary import key_at
from recovery.reasons import Alarm, EmailKind, EmailReason, EmailState, RotationStep, TellingState

BY_MAIL = "email"  # what is not told of a case where the mail to the support team failed

Found = tuple[Alarm, str, str]
"""The word, what it is about, and how bad it is in words."""


def all_of_it() -> Iterator[Found]:
    """Five statements. Of mail, what was queued within a day."""
    yield from _access()
    yield from _mail(timezone.now() - windows.DAY)
    yield from _cases(timezone.now() - windows.DAY)


def _access() -> Iterator[Found]:
    """Whoever has what did not end is still in: tokens, tried again or given up, and accounts of a forced rotation that
    was given up, until it is tried again or another one has ended their access."""
    for revoker, count in Revocation.objects.order_by("revoker").values_list("revoker").annotate(Count("pk")):
        yield Alarm.NOT_REVOKED, revoker, _people(count)
    later = RotationMember.objects.filter(user_key=OuterRef("user_key"), pk__gt=OuterRef("pk"))
    failed = RotationMember.objects.filter(~Exists(later.exclude(rotated_at=None)), step=RotationStep.FAILED)
    for rotation, count in failed.order_by("rotation_id").values_list("rotation_id").annotate(Count("pk")):
        yield Alarm.NOT_ROTATED, str(rotation), _people(count)


def _mail(since: datetime) -> Iterator[Found]:
    """What cannot be rendered is tried again, and set aside in the end."""
    words = {EmailReason.RENDER_ERROR: Alarm.RENDER_ERROR, EmailReason.POISON: Alarm.POISON}
    stopped = Email.objects.filter(
        reason__in=words, state__in=(EmailState.DEFERRED, EmailState.FAILED), pk__gt=key_at(since)
    )
    of_ours = stopped.exclude(kind=EmailKind.SITE).order_by("reason", "kind")
    for reason, kind, count in of_ours.values_list("reason", "kind").annotate(Count("pk")):
        yield words[EmailReason(reason)], kind, f"{EmailKind(kind).label}: {count}"


def _cases(since: datetime) -> Iterator[Found]:
    """Of cases that are open, what was given up on; and mail to the support team that failed."""
    given_up = CaseTelling.objects.filter(stage=TellingState.GIVEN_UP, case__closed_at=None)
    for target, count in given_up.order_by("target").values_list("target").annotate(Count("case", distinct=True)):
        said = ngettext("%(count)d case", "%(count)d cases", count) % {"count": count}
        yield Alarm.CASE_NOT_TOLD, target, said
    to_support = Q(kind=EmailKind.SUPPORT_CASE, pk__gt=key_at(since))
    if count := Email.objects.failed().filter(to_support).count():
        yield Alarm.CASE_NOT_TOLD, BY_MAIL, f"{EmailKind.SUPPORT_CASE.label}: {count}"


def _people(count: int) -> str:
    return ngettext("%(count)d person", "%(count)d people", count) % {"count": count}
