"""A Content-Security-Policy over the admin of tests that ask for one: ``settings.ADMIN_POLICY``, a header and a value.

The pages of our own that bring a policy keep it.
"""

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

STRICT: Final = "default-src 'self'"
"""Nothing inline, nothing evaluated, no picture in an address, nothing from another host."""
ENFORCED: Final = ("Content-Security-Policy", STRICT)
REPORTED: Final = ("Content-Security-Policy-Report-Only", STRICT)


def policed(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        policy = getattr(settings, "ADMIN_POLICY", None)
        if policy and request.path.startswith("/admin/"):
            response.headers.setdefault(*policy)
        return response

    return answer
