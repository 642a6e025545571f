"""Every kind of door that a site may have to its accounts."""

from typing import Any

from django.contrib.auth import authenticate, login
from django.urls import path
from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.views import TokenObtainPairView

from example_project import urls as site


class Basic(APIView):
    """Opens to whoever sends name and password with the request."""

    authentication_classes = (BasicAuthentication,)
    permission_classes = (IsAuthenticated,)

    def get(self, request: Any) -> Response:
        return Response({"name": request.user.get_username()})


class SessionSignIn(APIView):
    """A sign-in by JSON, as sites write it. REST framework rolls back what it refuses."""

    authentication_classes = ()
    permission_classes = ()

    def post(self, request: Any) -> Response:
        user = authenticate(request, username=request.data.get("username"), password=request.data.get("password"))
        if user is None:
            raise AuthenticationFailed
        login(request, user)
        return Response({"name": user.get_username()})


urlpatterns = [
    path("api/session/", SessionSignIn.as_view()),
    path("api/basic/", Basic.as_view()),
    path("api/token/", TokenObtainPairView.as_view()),
    *site.urlpatterns,
]
