"""A Content-Security-Policy over the admin of tests that ask for one: ``settings.ADMIN_POLICY``, a header and a value.

The pages of our own that bring a policy keep it.
"""

from typing import Any, Final

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware

STRICT: Final = "default-src 'self'"
"""Nothing inline, nothing evaluated, no picture in an address, nothing from another host."""
ENFORCED: Final = ("Content-Security-Policy", STRICT)
REPORTED: Final = ("Content-Security-Policy-Report-Only", STRICT)


@sync_and_async_middleware
def policed(get_response: Any) -> Any:
    """Both ways: one that could not would have all others before it answer as without ASGI."""

    def under_policy(request: HttpRequest, response: Any) -> Any:
        policy = getattr(settings, "ADMIN_POLICY", None)
        if policy and request.path.startswith("/admin/"):
            response.headers.setdefault(*policy)
        return response

    async def answer_later(request: HttpRequest) -> Any:
        return under_policy(request, await get_response(request))

    def answer(request: HttpRequest) -> Any:
        return under_policy(request, get_response(request))

    return answer_later if iscoroutinefunction(get_response) else answer
