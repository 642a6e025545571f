"""What monitors read: the health of all that mail needs. People's pages are ``views``."""

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from recovery import metrics
from recovery.conf import conf


@login_not_required
@transaction.non_atomic_requests
@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """For monitors: 200 while everything that mail needs is alive and no alarm about mail stands, else 503. Not there
    for anybody else."""
    if not (_holds_health_token(request) or _may_see_health(request)):
        raise Http404
    found = metrics.health()
    return JsonResponse(found.as_dict(), status=200 if found.healthy else 503)


def _holds_health_token(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "")
    return bool(conf.HEALTH_TOKEN) and constant_time_compare(given, f"Bearer {conf.HEALTH_TOKEN}")


def _may_see_health(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return bool(user and user.is_active and user.is_staff and user.has_perm("recovery.view_heartbeat"))
