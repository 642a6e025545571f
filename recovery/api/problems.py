"""Refusals as ``application/problem+json`` (RFC 9457): a stable code, its status, and what to do next.

``type`` leads to the page of the code, here. Which codes there are stands in ``reasons``.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.http import JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from recovery.reasons import Problem

SAYS: Final[Mapping[Problem, tuple[int, Promise]]] = {
    Problem.MALFORMED: (400, _("Send one JSON object in UTF-8, each field once.")),
    Problem.INVALID: (422, _("Correct what errors lists, and send it again.")),
    Problem.WRONG_CONTENT_TYPE: (415, _("Send it as application/json.")),
    Problem.TOO_LARGE: (413, _("Send 64 KiB at most.")),
    Problem.WRONG_METHOD: (405, _("Use a method of the header Allow.")),
    Problem.NOT_FOUND: (404, _("Check the URL, or whom you named.")),
    Problem.ORIGIN_REFUSED: (403, _("Call from a page of this site, or have its operator list yours.")),
    Problem.CSRF_FAILED: (403, _("Send the value of the CSRF cookie in the header X-CSRFToken.")),
    Problem.NOT_AUTHENTICATED: (401, _("Sign in first.")),
    Problem.NOT_ALLOWED: (403, _("Ask an administrator for the right.")),
    Problem.TOO_MANY_ASKS: (429, _("Wait as long as Retry-After says, then ask again.")),
    Problem.STAFF_LIMIT: (429, _("Wait as long as Retry-After says, or ask a colleague.")),
    Problem.TOO_EARLY: (409, _("Wait as long as Retry-After says, then ask again.")),
    Problem.RESEND_REFUSED: (403, _("Ask anew.")),
    Problem.LINK_REFUSED: (410, _("Ask for a new link.")),
    Problem.PASSWORD_REFUSED: (422, _("Choose another password; errors says what is wrong with this one.")),
    Problem.KEY_MALFORMED: (400, _("Send a fresh UUID as Idempotency-Key.")),
    Problem.KEY_REUSED: (422, _("Take a new Idempotency-Key for every new call.")),
    Problem.KEY_IN_USE: (409, _("Wait as long as Retry-After says, then send the same call again.")),
}


class Refused(Exception):
    """The call is not answered, but refused; ``more`` are further members of the problem."""

    def __init__(self, code: Problem, *, until: datetime | int | None = None, **more: Any) -> None:
        super().__init__(code.value)
        self.code = code
        self.until = until
        self.more = more

    @property
    def status(self) -> int:
        return SAYS[self.code][0]

    def answer(self) -> JsonResponse:
        """``until``: a moment, or seconds, which become Retry-After."""
        response = JsonResponse({**told(self.code), **self.more}, status=self.status)
        response.headers["Content-Type"] = "application/problem+json"
        if self.until is not None:
            response.headers["Retry-After"] = str(max(1, _seconds(self.until)))
        if self.status == 401:  # RFC 9110 section 15.5.2
            response.headers["WWW-Authenticate"] = "Session"
        return response


def told(code: Problem) -> dict[str, Any]:
    """The members that every problem of this code has."""
    status, advice = SAYS[code]
    return {
        "type": reverse("recovery_api:problem", kwargs={"code": code.value}),
        "title": str(code.label),
        "status": status,
        "detail": str(advice),
        "code": code.value,
    }


def wrong(field: str, code: str, detail: Any) -> dict[str, str]:
    """One entry of ``errors``."""
    return {"field": field, "code": code, "detail": str(detail)}


def _seconds(until: datetime | int) -> int:
    return until if isinstance(until, int) else math.ceil((until - timezone.now()).total_seconds())
