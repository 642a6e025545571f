"""The JSON API, under the namespace ``recovery_api``, for a site that wants it:
``path("recovery/api/", include("recovery.api.urls"))``. ``recovery.urls`` is needed beside it: links lead there.

Which door is asked follows from host and path, as with the pages (``audiences.at``).
"""

from django.urls import path

from recovery.api import about_views, member_views, public_views

app_name = "recovery_api"

urlpatterns = [
    path("requests/", public_views.ask, name="ask"),
    path("requests/<str:reference>/resend/", public_views.resend, name="resend"),
    path("links/look/", public_views.look, name="look"),
    path("links/complete/", public_views.complete, name="complete"),
    path("staff/diagnose/", member_views.diagnose, name="diagnose"),
    path("staff/reset/", member_views.reset, name="reset"),
    path("staff/unlock/", member_views.unlock, name="unlock"),
    path("staff/emails/", member_views.emails, name="emails"),
    path("staff/metrics/", member_views.numbers, name="metrics"),
    path("problems/<str:code>/", about_views.problem, name="problem"),
    path("openapi.json", about_views.openapi, name="openapi"),
    path("<path:rest>", about_views.nothing),
]
