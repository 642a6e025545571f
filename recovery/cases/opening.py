"""Opens a case when no mail reaches a person, and closes it when they get in; nobody has to think of either."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import router
from django.db.models import Exists, F, OuterRef
from django.dispatch import Signal
from django.utils import timezone

from recovery import audit
from recovery.cases import telling
from recovery.models import ResetRequest, ResetToken, Rotation, SupportCase
from recovery.models.insertion import insert
from recovery.models.primary import atomic
from recovery.reasons import Action, CaseEnd, CaseNews, CaseReason, TokenState
from recovery.signals import announce, case_closed, case_opened

BATCH: Final = 500
INCIDENT: Final = timedelta(hours=24)
"""How long further failures of one person are the same incident."""
_NO_FAILURE: Final = (CaseReason.STAFF, CaseReason.COMPROMISED)
"""No mail failed: it was opened for another reason."""


def open_for(
    user_key: str,
    *,
    request: ResetRequest | None,
    reason: CaseReason,
    began_at: datetime,
    actor_key: str = "",
    why: str = "",
) -> SupportCase:
    """The person's open case, opened now unless there is one, to which this failure is added. Targets hear of a new.

    One that is open for longer than an incident lasts gives way to a new one, with whoever works on it: the support
    team may have done with it long ago, where only their own system knows. In the caller's transaction, which holds the
    account: two failures of one person make one case.
    """
    case = SupportCase.objects.filter(user_key=user_key, closed_at=None).select_related("request").first()
    assigned_to = ""
    if case is not None and case.opened_at < timezone.now() - INCIDENT:
        assigned_to = case.assigned_to
        end(case, CaseEnd.SUPERSEDED)
        case = None
    if case is not None:
        added = 0 if reason in _NO_FAILURE else 1
        SupportCase.objects.filter(pk=case.pk).update(failure_count=F("failure_count") + added)
        return case
    case = SupportCase(user_key=user_key, request=request, reason=reason, began_at=began_at, assigned_to=assigned_to)
    case.failure_count = 0 if reason in _NO_FAILURE else 1
    return _written(case, actor_key=actor_key, why=why)


def open_for_many(rotation: Rotation, *, actor_key: str, why: str) -> SupportCase:
    """One case for all people of a forced rotation, in the caller's transaction; ended by whoever knows of all."""
    reason = CaseReason.COMPROMISED
    case = SupportCase(reason=reason, began_at=rotation.started_at, failure_count=0)
    return _written(case, actor_key=actor_key, why=why, rotation=rotation)


def _written(case: SupportCase, *, actor_key: str, why: str, rotation: Rotation | None = None) -> SupportCase:
    with atomic(SupportCase):
        insert(case)
        if rotation:
            Rotation.objects.filter(pk=rotation.pk).update(case=case)  # its count is told
        audit.record(
            Action.CASE_OPENED,
            actor_key=actor_key,
            user_key=case.user_key,
            request=case.request,
            reason=why,
            case=str(case.pk),
            why=case.reason,
        )
        telling.queue(case, CaseNews.OPENED)
        _announce(case_opened, case, reason=str(case.reason))
    return case


def close_answered(user_keys: Sequence[str]) -> int:
    """Close the open cases of people who got in, in the caller's transaction; returns how many."""
    waiting = SupportCase.objects.filter(user_key__in=user_keys, closed_at=None).select_related("request")
    return sum(end(case, CaseEnd.COMPLETED) for case in waiting)


def close_late() -> int:
    """Close what a failure opened at the very moment the person got in; commits each. Returns how many."""
    used = ResetToken.objects.filter(
        user_key=OuterRef("user_key"), state=TokenState.USED, ended_at__gte=OuterRef("began_at")
    )
    waiting = SupportCase.objects.filter(Exists(used), closed_at=None)
    return sum(end(case, CaseEnd.COMPLETED) for case in waiting.select_related("request")[:BATCH])


def end(case: SupportCase, why: CaseEnd, *, actor_key: str = "", reason: str = "") -> bool:
    """Close a case with its line in the trail, and tell the targets; False if it is closed already."""
    with atomic(SupportCase):
        is_open = SupportCase.objects.filter(pk=case.pk, closed_at=None)
        ended = is_open.update(closed_at=timezone.now(), closed_by=actor_key, end=why, end_reason=reason[:500])
        if ended:
            case.refresh_from_db()
            audit.record(
                Action.CASE_CLOSED,
                actor_key=actor_key,
                user_key=case.user_key,
                request=case.request,
                reason=reason,
                case=str(case.pk),
                why=why,
            )
            telling.queue(case, CaseNews.CLOSED)
            _announce(case_closed, case, end=str(case.end))
    return bool(ended)


def _announce(signal: Signal, case: SupportCase, **facts: str) -> None:
    alias = router.db_for_write(SupportCase)
    announce(signal, SupportCase, using=alias, case_id=case.pk, user_key=case.user_key, **facts)
