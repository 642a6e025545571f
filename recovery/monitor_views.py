"""What monitors read: the health of all that mail needs. People's pages are ``views``."""

from django.contrib.auth.base_user import AbstractBaseUser
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
    if not (holds_token(request, conf.HEALTH_TOKEN) or staff_with(request, "recovery.view_heartbeat")):
        raise Http404
    found = metrics.health()
    return JsonResponse(found.as_dict(), status=200 if found.healthy else 503)


def holds_token(request: HttpRequest, token: str | None) -> bool:
    """Whether it bears this token; no token opens to no header."""
    given = request.headers.get("Authorization", "")
    return bool(token) and constant_time_compare(given, f"Bearer {token}")


def staff_with(request: HttpRequest, right: str) -> AbstractBaseUser | None:
    """Whoever is signed in there, if they are a member of staff with this right."""
    user = getattr(request, "user", None)
    return user if user and user.is_active and user.is_staff and user.has_perm(right) else None
