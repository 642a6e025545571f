"""What staff do with a case: take it, write about it, close it. Each with its line in the trail."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser

from recovery import audit
from recovery.accounts import key_of
from recovery.cases.opening import end
from recovery.models import CaseNote, SupportCase
from recovery.models.insertion import insert
from recovery.models.primary import atomic
from recovery.reasons import Action, CaseEnd


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
