"""Which member of staff calls, and whether they may.

By the site's own function (``API_AUTHENTICATOR``), which reads a header, or by the session of a browser: a session
counts only with the CSRF token, since a browser sends its cookie for any page. Whoever they are, they need the same
right as in the admin, and reach the same people (``MAY_ACT_ON``). That somebody lacks it, the middleware notes.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from recovery import accounts, limits, middleware, resets
from recovery.api.calls import View, call
from recovery.api.problems import Refused, wrong
from recovery.conf import conf
from recovery.exceptions import NotAllowed
from recovery.reasons import Problem


def member_call(method: str, right: str) -> Callable[[View], View]:
    """As ``call``, for members of staff with this right; the view gets them as its second argument."""

    def decorate(view: View) -> View:
        @wraps(view)
        def of_member(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return view(request, _member(request, right), *args, **kwargs)

        return call(method)(of_member)

    return decorate


def person(actor: AbstractBaseUser, key: str, *, reason: str) -> AbstractBaseUser:
    """The account of this key, which is printable text. Raises Refused for one that is not there, and alike, on the
    trail, for one out of the actor's scope."""
    user = accounts.by_key(key)
    try:
        if user is not None:
            resets.check_scope(actor, user, reason=reason)
    except NotAllowed:
        user = None
    if user is None:
        raise Refused(Problem.NOT_FOUND, errors=[wrong("user", "unknown", _("Nobody like that is within reach."))])
    return user


def past_limit(actor: AbstractBaseUser) -> Refused:
    """The refusal of whoever sent as many links as they may."""
    subject = ("staff", accounts.key_of(actor))
    return Refused(Problem.STAFF_LIMIT, until=limits.look([subject])[subject].free_again_at)


def _member(request: HttpRequest, right: str) -> AbstractBaseUser:
    user = _named_by_site(request) or _signed_in(request)
    if user is None or not user.is_active:
        raise Refused(Problem.NOT_AUTHENTICATED)
    if not (getattr(user, "is_staff", False) and user.has_perm(right)):
        middleware.refused(request, user)
        raise Refused(Problem.NOT_ALLOWED)
    found: AbstractBaseUser = user
    return found


def _named_by_site(request: HttpRequest) -> Any:
    return import_string(conf.API_AUTHENTICATOR)(request) if conf.API_AUTHENTICATOR else None


def _signed_in(request: HttpRequest) -> Any:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    check = CsrfViewMiddleware(lambda request: HttpResponse())
    if check.process_view(request, _signed_in, (), {}) is not None:
        raise Refused(Problem.CSRF_FAILED)
    return user
