"""The page that a scraper reads. What stands on it is ``readings``' business."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from recovery import agents, monitor_views
from recovery.conf import conf
from recovery.contrib.prometheus import readings
from recovery.exceptions import Misconfigured

if TYPE_CHECKING:
    from prometheus_client.core import Metric


@login_not_required
@transaction.non_atomic_requests
@never_cache
@require_safe
def scrape(request: HttpRequest) -> HttpResponse:
    """All metrics as of now, in the format that was asked for. Not there without ``METRICS["TOKEN"]`` or the right to
    open the dashboard of all audiences. Reads only; the number of statements does not follow the number of rows. Raises
    Misconfigured where the extra is not installed."""
    if not (monitor_views.holds_token(request, conf.METRICS["TOKEN"]) or _may_see_all_numbers(request)):
        raise Http404
    try:
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import choose_encoder
    except ImportError as error:
        raise Misconfigured(
            "These metrics need prometheus-client: pip install 'django-account-recovery[prometheus]'."
        ) from error
    registry = CollectorRegistry()  # of its own: what the process counts for itself is the site's to publish
    registry.register(_Read())
    write, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(write(registry), content_type=content_type)


def _may_see_all_numbers(request: HttpRequest) -> bool:
    user = monitor_views.staff_with(request, "recovery.view_rollup")
    return user is not None and agents.audiences_of(user) is None


class _Read:
    """As prometheus-client wants to be told."""

    def collect(self) -> Iterator["Metric"]:
        from prometheus_client.core import GaugeMetricFamily  # an extra; ``scrape`` has said so where it is missing

        for name, samples in readings.now().items():
            said, labels = readings.METRICS[name]
            family = GaugeMetricFamily(name, said, labels=labels)
            for values, number in samples.items():
                family.add_metric(values, number)
            yield family
