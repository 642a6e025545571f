"""The pages that a mail of ours may lead to."""

from django.apps import apps
from django.urls import include, path

urlpatterns = [path("recovery/", include("recovery.urls"))] if apps.is_installed("recovery") else []
