"""A site that had Django's views and keeps its templates and options: their names now mean this app's.

Imported once Django is set up and before any test of Django's; ``swap`` puts the names into Django's modules.
"""

from collections.abc import Callable
from typing import Any, Final

from django.contrib.auth import forms, urls, views
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path

from recovery import auth_forms, auth_urls, auth_views
from recovery.forms import NewPasswordForm
from recovery.password_change import CountedPasswordChangeForm, PasswordChangeView
from tests.asking import work

TEMPLATES: Final = {
    "PasswordResetView": "registration/password_reset_form.html",
    "PasswordResetDoneView": "registration/password_reset_done.html",
    "PasswordResetConfirmView": "registration/password_reset_confirm.html",
    "PasswordResetCompleteView": "registration/password_reset_complete.html",
}


class Keeping:
    """One of our views with the template that the site had. An option that we refuse fails when the page is asked for,
    so that it costs its own test alone: a site's URLs would not load."""

    @classmethod
    def as_view(cls, **options: Any) -> Callable[..., HttpResponse]:
        try:
            return super().as_view(**{"template_name": cls.kept, **options})  # type: ignore[misc, attr-defined]
        except ImproperlyConfigured as error:
            return _refusal(error)


def _refusal(error: ImproperlyConfigured) -> Callable[..., HttpResponse]:
    def refused(*args: Any, **kwargs: Any) -> HttpResponse:
        raise error

    return refused


class WorkedForm(auth_forms.PasswordResetForm):
    """What it asks for is worked off at once."""

    def save(self, **options: Any) -> None:
        super().save(**options)
        work()


class Browser(Client):
    """Django's ``PasswordResetConfirmClient`` in our terms: a link is opened before its page is; then workers work."""

    reset_url_token = auth_views.PasswordResetConfirmView.reset_url_token

    def get(self, path: Any, *args: Any, **kwargs: Any) -> Any:
        return super().get(self._page_of(path), *args, **kwargs)

    def post(self, path: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().post(self._page_of(path), *args, **kwargs)
        work()
        return response

    def _page_of(self, path: Any) -> Any:
        if "/reset/" not in str(path):
            return path
        opened = super().get(path)
        url = str(getattr(opened, "url", ""))
        return url if url.endswith(f"/{self.reset_url_token}/") else path


def swap() -> None:
    """Django's names mean ours from here on. Its tests must be importable, and not yet imported."""
    swapped = {
        name: type(name, (Keeping, getattr(auth_views, name)), {"kept": template})
        for name, template in TEMPLATES.items()
    }
    for name, view in swapped.items():
        setattr(views, name, view)
    views.PasswordChangeView = PasswordChangeView  # type: ignore[misc]
    forms.PasswordResetForm = WorkedForm  # type: ignore[misc, assignment]
    forms.SetPasswordForm = NewPasswordForm  # type: ignore[misc, assignment]
    forms.PasswordChangeForm = CountedPasswordChangeForm  # type: ignore[misc]
    urls.urlpatterns = [
        path("password_reset/", swapped["PasswordResetView"].as_view()),
        path("password_reset/done/", swapped["PasswordResetDoneView"].as_view()),
        path("reset/<slug:uidb64>/<recovery_secret:token>/", swapped["PasswordResetConfirmView"].as_view()),
        path("reset/done/", swapped["PasswordResetCompleteView"].as_view()),
        *auth_urls.urlpatterns,
    ]
    import auth_tests.client  # type: ignore[import-not-found]
    import auth_tests.urls  # type: ignore[import-not-found]

    auth_tests.client.PasswordResetConfirmClient = Browser
    # Mails lead to where the site's own views stand; what is left of that path is ours.
    auth_tests.urls.urlpatterns.append(path("", include("recovery.urls")))
