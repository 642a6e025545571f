"""Our pages by the names and options of Django's views, for a site whose URLs give Django's views options of its own.

What has no meaning here is refused when the URLs are loaded, with the sentence that says what to do, whether it is an
option of ``as_view``, an attribute or method of a subclass, or a mixin's: nothing that a site once chose is dropped in
silence. Pages and rules are ``views``'; docs/django_views.md lists every option.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Final

from django.contrib.auth import views as auth_views
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.views import View
from django.views.decorators.debug import sensitive_variables

from recovery import cookies, doors, views
from recovery.dressing import Dress, wear
from recovery.masked import Secret

MAIL: Final = "put a template of the name recovery/mail/reset.{part} into a template folder of the site"
REFUSED: Final = {
    "email_template_name": MAIL.format(part="txt"),
    "html_email_template_name": MAIL.format(part="html"),
    "subject_template_name": MAIL.format(part="subject.txt"),
    "extra_email_context": "say it in the templates of the mail, or by a template tag",
    "from_email": "set RECOVERY['FROM_EMAIL'], or FROM_EMAIL of a door in RECOVERY['AUDIENCES']",
    "token_generator": "set RECOVERY['TOKEN_LIFETIME']; links are rows here, and end one by one",
    "form_class": "the forms are part of what the pages promise; password rules are AUTH_PASSWORD_VALIDATORS",
    "post_reset_login": "set RECOVERY['POST_RESET_LOGIN']",
    "post_reset_login_backend": "the first of AUTHENTICATION_BACKENDS is taken",
}
"""Options of Django's views, and what to do instead."""
DECORATE: Final = "decorate what as_view() returns, which is a view like any other"
SIGNALS: Final = "hear reset_requested or reset_completed of recovery.signals"
OVERRIDDEN: Final = {
    "get_context_data": "give as_view() an extra_context, or name a context processor",
    "get_success_url": "give as_view() a success_url",
    "form_valid": f"{SIGNALS}; to refuse an ask, {DECORATE}",
    "form_invalid": DECORATE,
}
"""Methods of Django's views that a site may have overridden, and what to do instead; of all others, DECORATE."""


class _Page:
    """What a site may say of a page in its URLs: ``as_view(**options)``, as of a view of Django's."""

    template_name: str | None = None
    title: Any = None
    extra_context: dict[str, Any] | None = None
    accepted: ClassVar[frozenset[str]] = frozenset({"template_name", "title", "extra_context"})

    def __init__(self, **options: Any) -> None:
        for name, value in options.items():
            if name in REFUSED:
                raise ImproperlyConfigured(f"{name} of {type(self).__name__} means nothing here: {REFUSED[name]}.")
            if name not in self.accepted:
                raise TypeError(f"{type(self).__name__} has no option {name!r}.")
            setattr(self, name, value)
        for name in filter(partial(hasattr, type(self)), sorted(NEVER_READ)):
            instead = REFUSED.get(name) or OVERRIDDEN.get(name, DECORATE)
            raise ImproperlyConfigured(f"{name} of {type(self).__name__} is never read or called: {instead}.")

    @classmethod
    def as_view(cls, **options: Any) -> Callable[..., HttpResponse]:
        """Raises ImproperlyConfigured for what is Django's and has no meaning here, an option or what a subclass or
        mixin overrides, TypeError for a strange option."""
        return cls(**options).view()

    def view(self) -> Callable[..., HttpResponse]:
        raise NotImplementedError

    def dress(self, request: HttpRequest) -> None:
        wear(request, Dress(self.template_name, self.title, self.extra_context or {}))

    def onwards(self, response: HttpResponse, success_url: Any) -> HttpResponse:
        """Where the site wants a good answer to lead, in the place of our own page."""
        if success_url and isinstance(response, HttpResponseRedirect):
            response.headers["Location"] = resolve_url(success_url)
        return response


class PasswordResetView(_Page):
    """The forgot page. ``success_url``: where the answer leads, instead of the page that shows the reference."""

    title = auth_views.PasswordResetView.title

    success_url: Any = None
    accepted = _Page.accepted | {"success_url"}

    def view(self) -> Callable[..., HttpResponse]:
        def forgot(request: HttpRequest) -> HttpResponse:
            self.dress(request)
            return self.onwards(views.forgot(request), self.success_url)

        return _like(views.forgot, forgot)


class PasswordResetDoneView(_Page):
    """The page "check your mail", of no reference."""

    title = auth_views.PasswordResetDoneView.title

    def view(self) -> Callable[..., HttpResponse]:
        def sent(request: HttpRequest) -> HttpResponse:
            self.dress(request)
            return views.sent(request)

        return _like(views.sent, sent)


class PasswordResetCompleteView(_Page):
    """The page "done"."""

    title = auth_views.PasswordResetCompleteView.title

    def view(self) -> Callable[..., HttpResponse]:
        def complete(request: HttpRequest) -> HttpResponse:
            self.dress(request)
            return views.complete(request)

        return _like(views.complete, complete)


class PasswordResetConfirmView(_Page):
    """A link, and the page behind it at the same path with ``reset_url_token`` in the place of the secret. Mails lead
    to the path of ``recovery:reset``: put the view there, above ``recovery.urls``, for the site's options to hold.

    ``success_url``: where a good password leads, instead of our page "done".
    """

    title = auth_views.PasswordResetConfirmView.title

    success_url: Any = None
    reset_url_token = "set-password"  # noqa: S105 - Django's, and shown to all
    accepted = _Page.accepted | {"success_url", "reset_url_token"}

    def view(self) -> Callable[..., HttpResponse]:
        @sensitive_variables()
        def confirm(request: HttpRequest, uidb64: str = "", token: str = "") -> HttpResponse:
            if not (uidb64 and token):
                raise ImproperlyConfigured("The URL path must contain 'uidb64' and 'token' parameters.")
            self.dress(request)
            form = f"{request.path.removesuffix('/').removesuffix(token)}{self.reset_url_token}/"
            if token != self.reset_url_token:
                response = views.reset(request, selector=uidb64, verifier=Secret(token))
                response.headers["Location"] = doors.onwards(request, form)
                return _at(form, response)
            response = views.reset_form(request, selector=uidb64)
            return _at(form, self.onwards(response, self.success_url if _is_done(request, response) else None))

        return _like(views.reset, confirm)


_OF_DJANGO: Final = (
    auth_views.PasswordResetView,
    auth_views.PasswordResetDoneView,
    auth_views.PasswordResetConfirmView,
    auth_views.PasswordResetCompleteView,
)
_HELD: Final = {"as_view", *PasswordResetView.accepted, *PasswordResetConfirmView.accepted}
NEVER_READ: Final = {
    *(name for view in _OF_DJANGO for name in dir(view) if not name.startswith("_")),
    *View.http_method_names,
} - _HELD
"""What Django's views have that a subclass of ours may not: a limit or captcha in ``dispatch`` would no longer run."""


def _like(view: Callable[..., HttpResponse], own: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """``own`` with what Django's middleware reads from ``view``: open to all, its own transactions and CSRF check."""
    vars(own).update(vars(view))
    return own


def _is_done(request: HttpRequest, response: HttpResponse) -> bool:
    """Whether the link was used up: then the browser gives its secret back, and is not led to another door."""
    secret = response.cookies.get(cookies.VERIFIER)
    is_given_back = secret is not None and secret["max-age"] == 0
    return request.method == "POST" and is_given_back and not response.headers.get("Location", "").endswith(doors.MOVED)


def _at(path: str, response: HttpResponse) -> HttpResponse:
    """The secret's cookie for the page at ``path``, and for no other."""
    if secret := response.cookies.get(cookies.VERIFIER):
        secret["path"] = path
    return response
