"""What staff do with a case: open one, take it, write about it, pass it on again, close it. Each with its line in the
trail."""

from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models.functions import Now
from django.utils import timezone

from recovery import audit, bell, limits
from recovery.accounts import key_of
from recovery.cases import telling
from recovery.cases.opening import end, open_for
from recovery.models import CaseNote, CaseTelling, Decision, SupportCase
from recovery.models.insertion import insert
from recovery.models.primary import atomic
from recovery.reasons import Action, CaseEnd, CaseReason, TellingState

RECENT: Final = timedelta(days=7)


def open_by_hand(user: AbstractBaseUser, *, actor: AbstractBaseUser, reason: str) -> SupportCase | None:
    """Open a case of ``user``, with their newest request of the last days and the reason as its first note; None if
    there is an open one. Commits once. It closes by itself like any other."""
    key = key_of(user)
    with atomic(SupportCase):
        limits.hold("account", key)  # the ladder may be opening one at this moment
        if SupportCase.objects.filter(user_key=key, closed_at=None).exists():
            return None
        recent = Decision.objects.filter(user_key=key, decided_at__gt=timezone.now() - RECENT)
        newest = recent.select_related("request").order_by("-decided_at").first()
        case = open_for(
            key,
            request=newest.request if newest else None,
            reason=CaseReason.STAFF,
            began_at=timezone.now(),
            actor_key=key_of(actor),
            why=reason,
        )
        insert(CaseNote(case=case, actor_key=key_of(actor), text=reason[:2000]))
    return case


def assign(case: SupportCase, *, to: str, actor: AbstractBaseUser, reason: str) -> bool:
    """Give an open case to the member of staff with the key ``to``; False if it is closed."""
    with atomic(SupportCase):
        if not SupportCase.objects.filter(pk=case.pk, closed_at=None).update(assigned_to=to):
            return False
        _record(Action.CASE_ASSIGNED, case, actor, reason, to=to)
    return True


def note(case: SupportCase, *, text: str, actor: AbstractBaseUser) -> CaseNote:
    """Add a note, to a closed case as well. The trail says that, not what was written: that can be erased."""
    row = CaseNote(case=case, actor_key=key_of(actor), text=text[:2000])
    with atomic(SupportCase):
        insert(row)
        _record(Action.CASE_NOTED, case, actor, "", note=str(row.pk))
    return row


def tell_again(case: SupportCase, *, actor: AbstractBaseUser, reason: str) -> list[str]:
    """Put back what targets were given up on, and ring: it is tried at once, and for another day. Its key stays, and
    its tries count on, so that a target that has it makes no second ticket. Returns the targets; none where there was
    nothing to put back."""
    with atomic(SupportCase):
        back = [
            each.target
            for each in telling.given_up(case)
            if CaseTelling.objects.filter(pk=each.pk, stage=TellingState.GIVEN_UP).update(
                stage=TellingState.WAITING, queued_at=Now()
            )
        ]
        if back:
            _record(Action.CASE_TOLD_AGAIN, case, actor, reason, targets=back)
            bell.ring("recovery.tell_case")
    return back


def close(case: SupportCase, *, actor: AbstractBaseUser, reason: str) -> bool:
    """Close it by hand; False if it is closed already."""
    return end(case, CaseEnd.STAFF, actor_key=key_of(actor), reason=reason)


def _record(action: Action, case: SupportCase, actor: AbstractBaseUser, reason: str, **detail: Any) -> None:
    audit.record(
        action,
        actor_key=key_of(actor),
        user_key=case.user_key,
        request=case.request,
        reason=reason,
        case=str(case.pk),
        **detail,
    )
