"""A site that mounts both monitors' pages."""

from django.urls import include, path
from health_check.views import HealthCheckView

from recovery.contrib import prometheus
from recovery.contrib.health import Recovery

urlpatterns = [
    path("metrics/", prometheus.scrape),
    path("status/", HealthCheckView.as_view(checks=[Recovery])),
    path("", include("example_project.urls")),
]
