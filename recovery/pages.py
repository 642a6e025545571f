"""What holds for every page: no caching, strict headers, own transactions, reachable without signing in."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

View = Callable[..., HttpResponse]

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",  # no-referrer would break Django's CSRF check over https
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
}
"""ASVS 5.0, 3.4.3 to 3.4.8 and 14.3.2."""


def page(view: View) -> View:
    """Decorate a page: GET, HEAD and POST; CSRF checked; commits on its own also under ATOMIC_REQUESTS."""

    @wraps(view)
    def with_headers(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        for name, value in HEADERS.items():
            response.headers[name] = value
        return response

    guarded = require_http_methods(["GET", "HEAD", "POST"])(csrf_protect(with_headers))
    return login_not_required(transaction.non_atomic_requests(guarded))
