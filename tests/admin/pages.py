"""The pages that staff read, and rows for them to show."""

from typing import Any

from django.utils import timezone

from recovery import accounts, cases, intake, resets
from recovery.models import AuditEvent, ResetRequest, SupportCase
from recovery.origin import Origin
from recovery.reasons import CaseReason

PAGES = ("email", "resetrequest", "auditevent")
CASE_RIGHTS = ("recovery.view_supportcase", "recovery.work_cases")
SCRIPT = "<script>alert(1)</script>"
ORIGIN = Origin(ip="192.0.2.7", user_agent=SCRIPT, language="en")


def listed(page: str, query: str = "") -> str:
    return f"/admin/recovery/{page}/{query}"


def reset_for(user: Any, identifier: str = "") -> ResetRequest:
    """A decided request of this person, with its mail handed over."""
    request = intake.ask(identifier or user.email, origin=ORIGIN)
    resets.fulfil(request.pk)
    return ResetRequest.objects.get(pk=request.pk)


def row_of(page: str, request: ResetRequest) -> Any:
    rows: dict[str, Any] = {
        "email": request.emails,
        "resetrequest": ResetRequest.objects.filter(pk=request.pk),
        "auditevent": AuditEvent.objects.filter(request_id=request.pk),
    }
    return rows[page].first()


def case_of(user: Any) -> SupportCase:
    return cases.open_for(
        accounts.key_of(user),
        request=reset_for(user),
        reason=CaseReason.BOUNCED_NO_BACKUP,
        began_at=timezone.now(),
    )


def page_of(case: SupportCase) -> str:
    return listed("supportcase", f"{case.pk}/change/")


def working(case: SupportCase, act: str) -> str:
    return listed("supportcase", f"{case.pk}/work/{act}/")
