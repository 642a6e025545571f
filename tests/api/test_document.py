"""The OpenAPI document says what the URLs do, and the other way round; the guide names every call."""

import re
from typing import Any

import pytest
from django.urls import URLPattern, resolve

from recovery.api.problems import SAYS
from recovery.reasons import SHOWN_REFUSALS, Kind, Problem
from tests.api.calling import API, program
from tests.api.documented import DOCUMENT, OPERATIONS, ROOT, templated, urls

GUIDE = (ROOT / "docs" / "api.md").read_text()


def test_the_document_is_served_as_it_is_kept() -> None:
    response = program().get(f"{API}openapi.json")
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == DOCUMENT
    assert DOCUMENT["openapi"] == "3.1.0"


def test_paths_appended_to_the_server_of_the_document_are_the_calls_wherever_they_are_mounted(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.api.two_doors"
    for mount in (API, "/club/api/"):
        [server] = program().get(f"{mount}openapi.json").json()["servers"]
        for path in ("/requests/", "/problems/invalid/"):
            assert resolve(server["url"] + path).url_name in ("ask", "problem")
            assert resolve(server["url"] + path).namespace == "recovery_api"
    settings.ROOT_URLCONF = "recovery.api.urls"
    assert program().get("/openapi.json").json()["servers"][0]["url"] == "/"


def test_every_url_is_in_the_document_and_no_other() -> None:
    assert {templated(url) for url in urls()} == set(DOCUMENT["paths"])


@pytest.mark.parametrize("url", urls(), ids=lambda url: url.name)
def test_each_url_has_the_methods_that_the_document_says(url: URLPattern) -> None:
    path = templated(url)
    concrete = path.replace("{reference}", "AAAA-AAAA").replace("{code}", "invalid")
    allowed = program().options(API.rstrip("/") + concrete).headers["Allow"].split(", ")
    assert {method.upper() for method in DOCUMENT["paths"][path]} == set(allowed) - {"OPTIONS", "HEAD"}


def test_codes_and_words_are_those_of_the_vocabularies() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["Code"]["enum"] == Problem.values
    assert set(schemas["Problem"]["properties"]["reason"]["enum"]) == {*SHOWN_REFUSALS, "invalid"}
    [kind] = [each for each in OPERATIONS["/staff/metrics/", "get"]["parameters"] if each["name"] == "kind"]
    assert kind["schema"]["enum"] == Kind.values


def test_each_code_is_listed_under_its_status_and_by_some_call() -> None:
    listed = set()
    for operation in OPERATIONS.values():
        for status, response in operation["responses"].items():
            if "application/problem+json" in response["content"]:
                for word in re.findall(r"`(\w+)`", response["description"]):
                    assert SAYS[Problem(word)][0] == int(status)
                    listed.add(word)
    assert listed == set(Problem.values)


def test_calls_of_staff_ask_for_who_calls_and_those_of_anybody_for_nothing() -> None:
    for (path, _method), operation in OPERATIONS.items():
        assert bool(operation["security"]) == path.startswith("/staff/"), path


def test_the_guide_names_every_call_and_no_other() -> None:
    named = set(re.findall(r"^\| `(?:GET|POST) (/\S+)` \|", GUIDE, re.MULTILINE))
    assert named == {path for path in DOCUMENT["paths"] if not path.startswith("/problems")}
