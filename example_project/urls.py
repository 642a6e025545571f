"""URLs of the example project: recovery, Django's sign-in, the admin and a home page."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import TemplateView

from recovery import views

urlpatterns = [
    path("", TemplateView.as_view(template_name="example_project/home.html"), name="home"),
    path("recovery/", include("recovery.urls")),
    # In the place of django.contrib.auth.urls: the same names, and the way of a reset is ours.
    path("accounts/", include("recovery.auth_urls")),
    path(".well-known/change-password", views.change_password),
    path("admin/", admin.site.urls),
]
