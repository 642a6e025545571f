"""What holds for every page: no caching, strict headers, own transactions, reachable without signing in.

And for every path that holds a link's secret: it is out of the request before anything can fail or be refused.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, Final
from urllib.parse import urlsplit

from django.contrib.auth.decorators import login_not_required, login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import converters, register_converter, reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from recovery import doors
from recovery.conf import of_django
from recovery.masked import Secret

View = Callable[..., HttpResponse]

HEADERS: Final = {
    "Referrer-Policy": "same-origin",  # no-referrer would break Django's CSRF check over https
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
}
"""ASVS 5.0, 3.4.3 to 3.4.8 and 14.3.2; the policy for content is ``policy``'s."""

FORMS: Final = {"selector": "{}_form", "key": "not_me_form"}
"""What names a link without opening it, and the page to which it leads."""

POLICY: Final = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


@cache
def policy(static_url: str, leads_to: tuple[str, ...] = ()) -> str:
    """The Content-Security-Policy: this site alone, and the host of its static files where STATIC_URL names one.

    ``leads_to``: other hosts to which the answer to a form may lead.
    """
    allowed = POLICY.replace("form-action 'self'", " ".join(["form-action 'self'", *leads_to]))
    static = urlsplit(static_url)
    if not static.netloc:
        return allowed
    host = f"{static.scheme}://{static.netloc}" if static.scheme else static.netloc
    return allowed + "".join(f"; {kind}-src 'self' {host}" for kind in ("style", "script", "img", "font"))


def page(view: View) -> View:
    """Decorate a page: GET, HEAD and POST; CSRF checked; commits on its own also under ATOMIC_REQUESTS."""

    guarded = require_http_methods(["GET", "HEAD", "POST"])(csrf_protect(view))

    @wraps(guarded)
    def with_headers(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with doors.speaking_at(request):
            response = guarded(request, *args, **kwargs)
        for name, value in HEADERS.items():
            response.headers[name] = value
        response.headers.setdefault("Content-Security-Policy", policy(str(of_django("STATIC_URL") or "")))
        return response

    return login_not_required(transaction.non_atomic_requests(with_headers))


def account_page(view: View) -> View:
    """As ``page``, for somebody who is signed in; everybody else is led to the site's sign-in and back."""
    return page(login_required(view))


class SecretSegment(converters.SlugConverter):
    """``<recovery_secret:verifier>``: one segment of a path."""

    def to_python(self, value: str) -> Secret:
        return Secret(value)


class SecretRest(converters.PathConverter):
    """``<recovery_secret_rest:rest>``: all that is left of a path."""

    def to_python(self, value: str) -> Secret:
        return Secret(value)


register_converter(SecretSegment, "recovery_secret")
register_converter(SecretRest, "recovery_secret_rest")


def link_page(view: View) -> View:
    """As ``page``, for a path that holds a link's secret; what names the link among its arguments stays.

    Django logs the path of a refused method and of a failed CSRF check, and its error reports hold it. So the path
    goes first, and the middleware, which would judge even earlier, leaves the CSRF check to ``page``.
    """
    guarded = page(view)

    @wraps(guarded)
    def without_path(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        named = {name: kwargs[name] for name in FORMS if name in kwargs}
        _forget_path(request, named, str(kwargs.get("purpose", "reset")))
        return guarded(request, *args, **kwargs)

    return csrf_exempt(without_path)


def _forget_path(request: HttpRequest, named: dict[str, Any], purpose: str) -> None:
    """Take the secret out of the request, so that no error report or log line made from here on has it."""
    place = request.resolver_match.namespace if request.resolver_match else None  # of the door, where it has its own
    forms = ((f"recovery:{FORMS[name].format(purpose)}", {name: value}) for name, value in named.items())
    pages = [*forms, ("recovery:forgot", None)]
    plain = reverse(pages[0][0], kwargs=pages[0][1], current_app=place)
    request.path = request.path_info = plain
    for name in ("PATH_INFO", "REQUEST_URI", "RAW_URI", "RAW_PATH"):
        if name in request.META:
            request.META[name] = plain
    if hasattr(request, "scope"):
        request.scope = {**request.scope, "path": plain, "raw_path": plain.encode()}
    if request.resolver_match is not None:
        request.resolver_match.kwargs = {}
        vars(request.resolver_match).update(captured_kwargs={})
