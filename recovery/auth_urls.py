"""For a site that has ``include("django.contrib.auth.urls")``: swap that one include for this one.

Django's four names of the reset lead to our pages (``auth_views``), its other names (login, logout, password change)
stay as they are, with the site's own templates; ``login`` explains a wait there, ``password_change`` counts the old
password.
``recovery.urls`` is needed beside it: the links in mails and the webhooks are there.
"""

from typing import Any

from django.contrib.auth import urls as django_urls
from django.contrib.auth.views import LoginView
from django.urls import path

from recovery.auth_views import (
    PasswordResetCompleteView,
    PasswordResetConfirmView,
    PasswordResetDoneView,
    PasswordResetView,
)
from recovery.password_change import PasswordChangeView
from recovery.sign_in import SignInMixin


class Login(SignInMixin, LoginView):
    """Django's own. A site that wants our page puts ``SignInView`` above this include, under the same name."""


_ours: list[Any] = [
    path("login/", Login.as_view(), name="login"),
    path("password_change/", PasswordChangeView.as_view(), name="password_change"),
    path("password_reset/", PasswordResetView.as_view(), name="password_reset"),
    path("password_reset/done/", PasswordResetDoneView.as_view(), name="password_reset_done"),
    path(
        "reset/<slug:uidb64>/<recovery_secret:token>/",
        PasswordResetConfirmView.as_view(),
        name="password_reset_confirm",
    ),
    path("reset/done/", PasswordResetCompleteView.as_view(), name="password_reset_complete"),
]
_names = {pattern.name for pattern in _ours}

urlpatterns = [
    *_ours,
    *[pattern for pattern in django_urls.urlpatterns if getattr(pattern, "name", None) not in _names],
]
