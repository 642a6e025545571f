"""The report with a row for each request of a period, from the page of the trail, for who may export the trail."""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.utils.translation import gettext

from recovery import evidence
from recovery.admin.acts import url_of
from recovery.admin.exports import FORMATS
from recovery.admin.readonly import ReadOnlyAdmin
from recovery.admin.scope import actor_of

RIGHT = "recovery.export_audit"
USUAL = timedelta(days=365)
"""Of how long the report is where the list is not narrowed by time."""
MOMENTS = ("occurred_at__gte", "occurred_at__lt")


class ReportMixin(ReadOnlyAdmin):
    """For the list of the trail: a button for each format, of the time that the list shows."""

    def get_urls(self) -> list[URLPattern]:
        report = self.admin_site.admin_view(self.report_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_report"
        return [path("report/<str:form>/", report, name=name), *super().get_urls()]

    def list_tools(self, request: HttpRequest) -> list[dict[str, Any]]:
        tools = super().list_tools(request)
        if not request.user.has_perm(RIGHT):
            return tools
        query = urlencode({name: request.GET[name] for name in MOMENTS if name in request.GET})
        title = gettext("A row for each request of the time that is shown, else of the last year")
        label = gettext("Report of requests")
        return [
            *tools,
            *(
                {
                    "url": f"{url_of(self, 'report', form)}?{query}",
                    "label": f"{label} ({made.label})",
                    "title": title,
                    "is_post": True,
                }
                for form, made in FORMATS.items()
            ),
        ]

    def report_view(self, request: HttpRequest, form: str) -> HttpResponseBase:
        """Notes on the trail who takes it, then lets it go. By POST alone, since that note is written."""
        if not self.has_view_permission(request) or not request.user.has_perm(RIGHT):
            raise PermissionDenied
        if form not in FORMATS:
            raise Http404
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        now = timezone.now()
        since, until = (_moment(request.GET.get(name, "")) for name in MOMENTS)
        since, until = since or now - USUAL, until or now
        text = evidence.taken(form, since=since, until=until, by=actor_of(request))
        answer = StreamingHttpResponse(text, content_type=FORMATS[form].content_type)
        answer["Content-Disposition"] = f'attachment; filename="requests-{now:%Y%m%dT%H%M%SZ}.{form}"'
        answer["X-Content-Type-Options"] = "nosniff"
        return answer


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return timezone.make_aware(moment) if moment and timezone.is_naive(moment) else moment
