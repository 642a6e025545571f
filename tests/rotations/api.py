"""A site with an API behind each kind of token, and a remember-me table of its own."""

from typing import Any

from django.urls import include, path
from knox.auth import TokenAuthentication as KnoxAuthentication
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.views import TokenRefreshView

REMEMBERED: dict[str, str] = {}
"""Remember-me cookies of this site, and whose they are."""


class Me(APIView):
    """Who asks."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Any) -> Response:
        return Response({"name": request.user.get_username()})


def me(authentication: type) -> Any:
    return Me.as_view(authentication_classes=[authentication])


def forget(user: Any) -> int:
    """What the site names in ``REVOKERS``."""
    gone = [cookie for cookie, name in REMEMBERED.items() if name == user.get_username()]
    for cookie in gone:
        del REMEMBERED[cookie]
    return len(gone)


def fail(user: Any) -> int:
    """A push service that is down."""
    raise ConnectionError("no route to the push service")


DOWN: list[bool] = []
"""Whether the push service is down now."""


def flaky(user: Any) -> int:
    """A push service that comes back."""
    if DOWN:
        raise ConnectionError("no route to the push service")
    return 7


def break_the_transaction(user: Any) -> int:
    """A statement that the database refuses ends a transaction on PostgreSQL."""
    type(user)._default_manager.create(username=user.get_username())
    return 1


urlpatterns = [
    path("api/token/", me(TokenAuthentication)),
    path("api/knox/", me(KnoxAuthentication)),
    path("api/jwt/", me(JWTAuthentication)),
    path("api/session/", me(SessionAuthentication)),
    path("api/refresh/", TokenRefreshView.as_view()),
    path("", include("example_project.urls")),
]
