"""A sign-in page and where it leads."""

from django.contrib.auth.views import LoginView
from django.http import HttpResponse
from django.urls import path

urlpatterns = [
    path("login/", LoginView.as_view(template_name="login.html")),
    path("nothing/", lambda request: HttpResponse("")),
]
