"""The sign-in page, and the pages that it leads to."""

from django.urls import include, path

from recovery.sign_in import SignInView

urlpatterns = [
    path("sign-in/", SignInView.as_view()),
    path("recovery/", include("recovery.urls")),
]
