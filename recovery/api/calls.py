"""The door of every call: its method, the page that sent it, its headers, and refusals told as problems.

No call of the anonymous half reads a cookie, so nobody's session can be abused through it. A browser still must not be
made to ask from anywhere, for then each visitor of a foreign page would be a source of their own: a post that a page
sent is refused unless the page is of this host or the site lists it (``API_ORIGINS``). Listed pages get the headers of
CORS (Fetch standard), without credentials. Whatever sends no ``Origin`` is no page.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from recovery.api.problems import Refused
from recovery.conf import conf
from recovery.pages import HEADERS
from recovery.reasons import Problem

View = Callable[..., HttpResponse]

POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
SENT_BY_PAGES: Final = "Authorization, Content-Type, Idempotency-Key"
READ_BY_PAGES: Final = "Idempotency-Replayed, Retry-After"


def call(method: str) -> Callable[[View], View]:
    """Decorate what answers a call: GET (and HEAD) or POST, or ANY method. Commits on its own also under
    ATOMIC_REQUESTS. What a page may ask before it calls (OPTIONS) is answered for all, or it could not read the rest.
    """
    methods = {"GET": ("GET", "HEAD"), "POST": ("POST",), "ANY": ()}[method]

    def decorate(view: View) -> View:
        @wraps(view)
        @sensitive_variables()  # of all frames below: validators and hashers are the site's
        def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                _check_origin(request)
                response = _answer(view, methods, request, args, kwargs)
            except Refused as refusal:
                response = refusal.answer()
            return _with_headers(response, request, methods)

        # The CSRF check is made in ``members``, where a session counts: its failure must be told as a problem.
        return csrf_exempt(login_not_required(transaction.non_atomic_requests(answered)))

    return decorate


def _answer(
    view: View, methods: tuple[str, ...], request: HttpRequest, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> HttpResponse:
    if request.method == "OPTIONS":
        return HttpResponse(status=204)
    if methods and request.method not in methods:
        raise Refused(Problem.WRONG_METHOD)
    return view(request, *args, **kwargs)


def _check_origin(request: HttpRequest) -> None:
    """Raises Refused for a post that a page of a strange site sent; "null" is the origin of one that hides its own."""
    if request.method in ("GET", "HEAD"):
        return  # what a strange page cannot read, and nothing that it could change
    origin = request.headers.get("Origin")
    if origin is None:
        is_strange = request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")
    else:
        is_strange = origin != _own_origin(request) and origin not in conf.API_ORIGINS
    if is_strange:
        raise Refused(Problem.ORIGIN_REFUSED)


def _own_origin(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host().lower()}"


def _with_headers(response: HttpResponse, request: HttpRequest, methods: tuple[str, ...]) -> HttpResponse:
    for name, value in HEADERS.items():
        response.headers[name] = value
    response.headers["Content-Security-Policy"] = POLICY
    if response.status_code == 405 or request.method == "OPTIONS":
        response.headers["Allow"] = ", ".join([*methods, "OPTIONS"])
    patch_vary_headers(response, ["Origin"])
    origin = request.headers.get("Origin", "")
    if origin in conf.API_ORIGINS:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = READ_BY_PAGES
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = ", ".join(methods)
            response.headers["Access-Control-Allow-Headers"] = SENT_BY_PAGES
            response.headers["Access-Control-Max-Age"] = "600"
    return response
