"""What was to be done, was not, and waits for somebody: access that did not end, mail that was set aside, cases that
are open, and news of them that no target took. Each from the rows that say so, until they say otherwise; ``troubles``
lists it with all else.
"""

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.db.models import CharField, Count, Exists, F, OuterRef, QuerySet, Value
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import ngettext

from recovery.metrics import windows
from recovery.models import CaseTelling, Email, Revocation, RotationMember, SupportCase
from recovery.models.primary import key_at
from recovery.reasons import Alarm, EmailKind, EmailReason, EmailState, RotationStep, TellingState

BY_MAIL: Final = "email"  # how cases are told, where it is the mail to the support team that failed
OF_MAIL: Final = (EmailReason.RENDER_ERROR, EmailReason.POISON)
"""Words of an alarm as well. What cannot be rendered is tried again, and set aside in the end."""


def counts() -> Iterator[tuple[Alarm, str, int]]:
    """The word, what it is about, and how many. One statement; of mail, what was queued within a day."""
    first, *others = _counts()
    for word, about, count in sorted(first.union(*others, all=True).order_by()):  # Django 6.1 would take the model's
        alarm = Alarm(word)
        if count:
            yield alarm, str(UUID(about)) if alarm == Alarm.NOT_ROTATED else about, count


def said(alarm: Alarm, about: str, count: int) -> str:
    """How bad it is, in the running language."""
    if alarm in (Alarm.NOT_REVOKED, Alarm.NOT_ROTATED):
        return ngettext("%(count)d person", "%(count)d people", count) % {"count": count}
    if alarm == Alarm.CASES_PILED or (alarm == Alarm.CASE_NOT_TOLD and about != BY_MAIL):
        return ngettext("%(count)d case", "%(count)d cases", count) % {"count": count}
    return f"{EmailKind(EmailKind.SUPPORT_CASE if alarm == Alarm.CASE_NOT_TOLD else about).label}: {count}"


def _counts() -> "Iterator[QuerySet[Any, Any]]":
    """Whoever has what did not end is still in: tokens, tried again or given up, and accounts that a forced rotation
    gave up, until it tries again or another one has ended their access."""
    yield _counted(Revocation.objects.all(), Value(Alarm.NOT_REVOKED), "revoker")
    later = RotationMember.objects.filter(user_key=OuterRef("user_key"), pk__gt=OuterRef("pk"))
    failed = RotationMember.objects.filter(~Exists(later.exclude(rotated_at=None)), step=RotationStep.FAILED)
    yield _counted(failed, Value(Alarm.NOT_ROTATED), "rotation_id")
    of_day = Email.objects.filter(pk__gt=key_at(timezone.now() - windows.DAY))
    stopped = of_day.filter(reason__in=OF_MAIL, state__in=(EmailState.DEFERRED, EmailState.FAILED))
    yield _counted(stopped.exclude(kind=EmailKind.SITE), F("reason"), "kind")
    given_up = CaseTelling.objects.filter(stage=TellingState.GIVEN_UP, case__closed_at=None)
    yield _counted(given_up, Value(Alarm.CASE_NOT_TOLD), "target")
    yield _counted(of_day.failed().filter(kind=EmailKind.SUPPORT_CASE), Value(Alarm.CASE_NOT_TOLD), Value(BY_MAIL))
    yield _counted(SupportCase.objects.filter(closed_at=None), Value(Alarm.CASES_PILED), Value(""))


def _counted(rows: "QuerySet[Any]", word: Value | F, about: Any) -> "QuerySet[Any, Any]":
    named: QuerySet[Any, Any] = rows.order_by().annotate(word=Cast(word, CharField()), about=Cast(about, CharField()))
    counted: QuerySet[Any, Any] = named.values_list("word", "about").annotate(count=Count("pk"))
    return counted
