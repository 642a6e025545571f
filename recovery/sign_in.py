"""The sign-in page, its form, and the mixins with which a site's own page and form explain a wait.

Whether somebody gets in is judged and counted by the authentication backend, at every door; here stands what a person
is told. It is the same for every name: a wait is explained whether there is such an account or not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast
from urllib.parse import urlsplit

from django import forms
from django.contrib.auth.forms import AuthenticationForm, UsernameField
from django.contrib.auth.views import LoginView
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.template.response import TemplateResponse
from django.utils import formats, timezone
from django.utils.decorators import classonlymethod
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables

from recovery import doors
from recovery.conf import login_redirect_url, of_django
from recovery.forms import LONGEST_PASSWORD, OneFocusForm, PasswordInput, TextInput, TypedField
from recovery.pages import page, policy

TOO_MANY: Final = 429  # RFC 6585 section 4, with Retry-After
MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Wait:
    """Until when the backend refuses what was tried in a request."""

    until: datetime

    @classmethod
    def of(cls, request: HttpRequest | None) -> "Wait | None":
        until = getattr(request, "recovery_wait", None)
        return cls(until) if until is not None else None

    @property
    def seconds(self) -> int:
        return max(1, -int((timezone.now() - self.until).total_seconds() // 1))

    @property
    def minutes(self) -> int:
        return -(-self.seconds // 60)

    @property
    def error(self) -> ValidationError:
        """What a form says instead of calling name or password wrong."""
        return ValidationError(str(self), code="wait")

    def __str__(self) -> str:
        """A sentence for the person. The clock is the site's, and its zone is named; the minutes are true anywhere."""
        ends = timezone.localtime(self.until + MINUTE - timedelta(microseconds=1))  # the first full minute after it
        return ngettext(
            "There were too many tries to sign in. Wait %(minutes)d minute, until %(time)s (%(zone)s), and try again, "
            "or choose a new password by mail.",
            "There were too many tries to sign in. Wait %(minutes)d minutes, until %(time)s (%(zone)s), and try again, "
            "or choose a new password by mail.",
            self.minutes,
        ) % {
            "minutes": self.minutes,
            "time": formats.time_format(ends.time(), "TIME_FORMAT"),
            "zone": ends.tzname(),
        }


class WaitFormMixin:
    """For an ``AuthenticationForm``, the admin's too: while sign-in is refused it says so, and until when, in the place
    of "wrong name or password"."""

    request: Any

    def get_invalid_login_error(self) -> ValidationError:
        wait = Wait.of(self.request)
        return wait.error if wait else super().get_invalid_login_error()  # type: ignore[misc]


class NameField(UsernameField, TypedField):
    """Django's, for what a post may bring as well."""


class SignInForm(OneFocusForm, WaitFormMixin, AuthenticationForm):
    """Name and password. What no name and no password can be is said at once, and counts as no try."""

    username = NameField(
        error_messages={"required": _("Type the name with which you sign in.")},
        widget=TextInput(attrs={"autofocus": True, "autocorrect": "off", "spellcheck": "false"}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        error_messages={"required": _("Type your password.")},
        widget=PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _("Name or password is wrong. Check both, capital letters too, and try again."),
    }

    def clean_username(self) -> str:
        name = str(self.cleaned_data["username"])
        if not name.isprintable():
            raise ValidationError(_("That holds characters that no name has. Type it again."), code="unprintable")
        return name

    @sensitive_variables("password")
    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        if len(password) > LONGEST_PASSWORD or password != password.encode(errors="ignore").decode():
            raise self.get_invalid_login_error()
        return password


class SignInMixin:
    """For a site's own ``LoginView``: a wait is explained in the form's errors, answered with 429 and Retry-After.

    Its template may use ``wait`` (``minutes``, ``until``, as text a sentence; None without one) and ``forgot_url``.
    """

    request: HttpRequest

    def form_invalid(self, form: Any) -> HttpResponse:
        if (wait := Wait.of(self.request)) is None:
            return cast(HttpResponse, super().form_invalid(form))  # type: ignore[misc]
        form.errors.pop(NON_FIELD_ERRORS, None)
        form.add_error(None, wait.error)
        response = cast(HttpResponse, super().form_invalid(form))  # type: ignore[misc]
        response.status_code = TOO_MANY
        response.headers["Retry-After"] = str(wait.seconds)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        own = {"wait": Wait.of(self.request), "forgot_url": self._forgot_url()}
        return cast(dict[str, Any], super().get_context_data(**{**own, **kwargs}))  # type: ignore[misc]

    def _forgot_url(self) -> str:
        """Of the door at which the person stands; it leads back to where the person wanted to go."""
        path = doors.of(self.request).path("forgot")
        wanted = str(cast(Any, self).get_redirect_url())
        return f"{path}?{urlencode({'next': wanted})}" if wanted.startswith("/") else path


class InItsLanguage(TemplateResponse):
    """Made into text after the view has returned, in the language of the door at which the page was asked."""

    @property
    def rendered_content(self) -> str:
        with doors.speaking_at(self._request):
            return super().rendered_content


class SignInView(SignInMixin, LoginView):
    """The page of this app, with the headers of its other pages. All options of Django's ``LoginView`` hold."""

    form_class = SignInForm
    response_class = InItsLanguage
    template_name = "recovery/sign_in.html"

    @classonlymethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:  # noqa: N805 - as Django's
        return page(cast("Callable[..., HttpResponse]", super().as_view(**initkwargs)))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        static_url = str(of_django("STATIC_URL") or "")
        response.headers["Content-Security-Policy"] = policy(static_url, leads_to=tuple(self._hosts()))
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        own = doors.facts(doors.of(self.request))
        own |= {"next_name": self.redirect_field_name, "next_url": self.get_redirect_url()}
        return {**super().get_context_data(**kwargs), **own, **(self.extra_context or {})}

    def get_template_names(self) -> list[str]:
        """Those of the door before the shipped one."""
        names = super().get_template_names()
        own = doors.of(self.request).templates("sign_in.html")
        return own if names == own[-1:] else names

    def _hosts(self) -> list[str]:
        """Other hosts that a sign-in may lead to: browsers hold the policy for forms against what answers them, too."""
        home = urlsplit(resolve_url(self.next_page or login_redirect_url())).netloc
        return sorted({*self.get_success_url_allowed_hosts(), home} - {"", self.request.get_host()})
