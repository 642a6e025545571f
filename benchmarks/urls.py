"""The three ways of a reset, each under its own prefix."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("recovery/", include("recovery.urls")),
    path("django/", include("django.contrib.auth.urls")),
    path("allauth/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
