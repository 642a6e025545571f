"""URLs of the example project: recovery, Django's sign-in, the admin and a home page."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView, TemplateView

from recovery import views

urlpatterns = [
    path("", TemplateView.as_view(template_name="example_project/home.html"), name="home"),
    path("recovery/", include("recovery.urls")),
    # LoginView calls the site by its host; our pages call it by its name.
    path(
        "accounts/login/", LoginView.as_view(extra_context={"site_name": settings.RECOVERY["SITE_NAME"]}), name="login"
    ),
    # In the place of django.contrib.auth.urls: the same names, and the way of a reset is ours.
    path("accounts/", include("recovery.auth_urls")),
    path(".well-known/change-password", views.change_password),
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url=static("recovery/icon.svg"))),
]
