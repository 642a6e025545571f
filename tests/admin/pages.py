"""The pages that staff read, and rows for them to show."""

from typing import Any

from recovery import intake, resets
from recovery.models import AuditEvent, ResetRequest
from recovery.origin import Origin

PAGES = ("email", "resetrequest", "auditevent")
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
