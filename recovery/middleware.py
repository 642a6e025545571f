"""What follows a sign-in, whichever door it came through: the page, the admin, allauth, a view of the site's own. And
what the trail must know of a web request: where it came from, and that a page of ours was refused.

Whatever calls Django's ``login`` sends ``user_logged_in``, which marks the request; the answer then carries the device
cookie. What the cookie is good for stands in ``devices``.
"""

import logging
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.db import DatabaseError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from recovery import accounts, audit, devices, doors, notices, proxies
from recovery.models import AuditEvent
from recovery.models.primary import key_at
from recovery.origin import Origin, answering
from recovery.reasons import Action

logger = logging.getLogger(__name__)

FORBIDDEN: Final = 403
HOUR: Final = timedelta(hours=1)
MOST_REFUSALS: Final = 100
_MARK: Final = "_recovery_signed_in"
_REFUSED: Final = "_recovery_refused"

Answer = Callable[[HttpRequest], Any]  # of HttpResponseBase, or of something to wait for that gives one


def signed_in(request: Any, user: Any, **signal: Any) -> None:
    """Receiver: remember on the request who signed in. Frameworks wrap requests; the mark goes on Django's own."""
    if request is not None:
        setattr(getattr(request, "_request", request), _MARK, user)


class RecoveryMiddleware:
    """Anywhere in MIDDLEWARE: makes the browser of a success a known device, tells the owner where that is news, hears
    proxies that nobody told it to trust, and lets the trail know where acts come from."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Coroutine[Any, Any, HttpResponseBase]:
        proxies.heard.request(request)
        if self.is_async:
            return self._answered_later(request)
        with answering(request):
            response: HttpResponseBase = self.get_response(request)
            _follow(request, response)
            if response.status_code == FORBIDDEN:
                _note_refusal(request)
        return response

    async def _answered_later(self, request: HttpRequest) -> HttpResponseBase:
        with answering(request):
            response: HttpResponseBase = await self.get_response(request)
            if hasattr(request, _MARK):
                await sync_to_async(_follow)(request, response)
            if response.status_code == FORBIDDEN:
                await sync_to_async(_note_refusal)(request)
        return response


def refused(request: HttpRequest, user: Any) -> None:
    """Remember on the request who has no right to what they called: for pages that know their caller by other means
    than a session."""
    setattr(request, _REFUSED, user)


def _note_refusal(request: HttpRequest) -> None:
    """A member of staff came to a page of ours that they have no right to (OWASP ASVS 5.0 section 16.3.2). Past a
    hundred within the hour the trail tells nothing new of them, and must not grow by it."""
    found, user = request.resolver_match, _refused_at(request)
    if found is None or user is None:
        return
    facts: dict[str, Any] = {"page": f"{found.namespace}:{found.url_name}", "method": str(request.method)}
    try:
        key = accounts.key_of(user)
        told = AuditEvent.objects.filter(actor_key=key, action=Action.ACCESS_REFUSED)
        if told.filter(pk__gte=key_at(timezone.now() - HOUR))[:MOST_REFUSALS].count() < MOST_REFUSALS:
            audit.record(Action.ACCESS_REFUSED, actor_key=key, **facts)
    except DatabaseError:
        logger.exception("middleware: a refusal was not recorded")


def _refused_at(request: HttpRequest) -> Any:
    """Who was refused a page of ours for want of a right, or None. Forms of other sites are refused before anybody's
    rights are asked. Of the pages under a model of the site's own, ours are those whose view is ours."""
    if hasattr(request, _REFUSED):
        return getattr(request, _REFUSED)
    found, user = request.resolver_match, getattr(request, "user", None)
    if found is None or not getattr(user, "is_staff", False) or not getattr(request, "csrf_processing_done", False):
        return None
    is_ours = "recovery" in found.app_names or (found.url_name or "").startswith("recovery_")
    return user if is_ours or getattr(found.func, "__module__", "").startswith("recovery.admin.") else None


def _follow(request: HttpRequest, response: HttpResponseBase) -> None:
    """Whatever refuses it, the sign-in stands, and the next one from here is news again."""
    user = getattr(request, _MARK, None)
    if user is None or response.status_code >= 500:  # Django saves no session then
        return
    try:
        if devices.is_news(request, user):
            notices.new_device(user, origin=Origin.of(request), audience=doors.of(request).name)
        devices.remember(response, request, user)
    except Exception:  # beside the database it asks the site's ACCOUNTS
        logger.exception("middleware: a sign-in was not remembered")
