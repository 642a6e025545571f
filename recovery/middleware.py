"""What follows a sign-in, whichever door it came through: the page, the admin, allauth, a view of the site's own.

Whatever calls Django's ``login`` sends ``user_logged_in``, which marks the request; the answer then carries the device
cookie. What the cookie is good for stands in ``devices``.
"""

import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from recovery import devices, doors, notices, proxies
from recovery.origin import Origin

logger = logging.getLogger(__name__)

_MARK: Final = "_recovery_signed_in"

Answer = Callable[[HttpRequest], Any]  # of HttpResponseBase, or of something to wait for that gives one


def signed_in(request: Any, user: Any, **signal: Any) -> None:
    """Receiver: remember on the request who signed in. Frameworks wrap requests; the mark goes on Django's own."""
    if request is not None:
        setattr(getattr(request, "_request", request), _MARK, user)


class RecoveryMiddleware:
    """Anywhere in MIDDLEWARE: makes the browser of a success a known device, tells the owner where that is news, and
    hears proxies that nobody told it to trust."""

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
        response: HttpResponseBase = self.get_response(request)
        _follow(request, response)
        return response

    async def _answered_later(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = await self.get_response(request)
        if hasattr(request, _MARK):
            await sync_to_async(_follow)(request, response)
        return response


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
