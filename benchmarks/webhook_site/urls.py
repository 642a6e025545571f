"""Each way to hear a provider, under its own prefix."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("recovery/", include("recovery.urls")),
    path("anymail/", include("anymail.urls")),
]
if settings.HAS_DJANGO_SES:
    from django.views.decorators.csrf import csrf_exempt
    from django_ses.views import SESEventWebhookView

    urlpatterns.append(path("ses/", csrf_exempt(SESEventWebhookView.as_view())))
