"""What the API says of itself: its OpenAPI document, what each problem means, and that a URL is none of it."""

from functools import cache
from importlib.resources import files

from django.http import HttpRequest, HttpResponse, JsonResponse

from recovery.api import problems
from recovery.api.calls import call
from recovery.api.problems import Refused
from recovery.reasons import Problem


@call("GET")
def openapi(request: HttpRequest) -> HttpResponse:
    """The document (OpenAPI 3.1); its server is relative to where it stands."""
    return HttpResponse(_document(), content_type="application/json")


@call("GET")
def problem(request: HttpRequest, code: str) -> JsonResponse:
    """What a code means: the members that all problems of it have."""
    if code not in Problem.values:
        raise Refused(Problem.NOT_FOUND)
    return JsonResponse(problems.told(Problem(code)))


@call("GET")
def nothing(request: HttpRequest, rest: str) -> HttpResponse:
    """There is no such call."""
    raise Refused(Problem.NOT_FOUND)


@cache
def _document() -> bytes:
    return files("recovery.api").joinpath("openapi.json").read_bytes()
