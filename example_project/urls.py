"""URLs of the example project: recovery and its JSON API, its sign-in page, Django's admin and a home page."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView, TemplateView

from recovery import views
from recovery.sign_in import SignInView

urlpatterns = [
    path("", TemplateView.as_view(template_name="example_project/home.html"), name="home"),
    path("recovery/api/", include("recovery.api.urls")),
    path("recovery/", include("recovery.urls")),
    path("accounts/login/", SignInView.as_view(), name="login"),
    # In the place of django.contrib.auth.urls: the same names, and the way of a reset is ours.
    path("accounts/", include("recovery.auth_urls")),
    path(".well-known/change-password", views.change_password),
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url=static("recovery/icon.svg"))),
]
