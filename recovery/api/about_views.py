"""What the API says of itself: its OpenAPI document, what each problem means, and that a URL is none of it."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import resolve
from django.utils.encoding import escape_uri_path

from recovery.api import problems
from recovery.api.calls import call
from recovery.api.problems import Refused
from recovery.reasons import Problem


@call("GET")
def openapi(request: HttpRequest) -> JsonResponse:
    """The document (OpenAPI 3.1). Its server is the path at which the site mounted these calls: paths of calls are
    appended to that as they are (section "Paths Object"), so that no relative URL but this fits."""
    mount = request.path.removesuffix("/openapi.json")
    server = {**_document()["servers"][0], "url": mount or "/"}
    return JsonResponse({**_document(), "servers": [server]})


@call("GET")
def problem(request: HttpRequest, code: str) -> JsonResponse:
    """What a code means: the members that all problems of it have."""
    if code not in Problem.values:
        raise Refused(Problem.NOT_FOUND)
    return JsonResponse(problems.told(Problem(code)))


@call("ANY")
def nothing(request: HttpRequest, rest: str) -> HttpResponse:
    """There is no such call, by no method. Where only slashes are missing or too many, ``meant`` is its path."""
    path = f"{rest.strip('/')}/"
    if not resolve(f"/{path}", "recovery.api.urls").url_name:  # again this view, which takes all that is left
        raise Refused(Problem.NOT_FOUND)
    raise Refused(Problem.NOT_FOUND, meant=escape_uri_path(request.path.removesuffix(rest) + path))


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files("recovery.api").joinpath("openapi.json").read_bytes())
    return document
