"""Answers of the API held against its OpenAPI document: those of every call that a test makes by ``calling.program``.

The document lets an answer have more members than it names, so that programs stand new ones. Here none may: a member
that no document tells of is one that nobody can rely on.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, get_resolver

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENT: dict[str, Any] = json.loads((ROOT / "recovery" / "api" / "openapi.json").read_text())
OPERATIONS: dict[tuple[str, str], dict[str, Any]] = {
    (path, method): operation for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
}
FREE = ("/openapi.json", "get")
"""Its answer is the document itself, which stands in none."""


class Program(Client):
    """A client that takes no answer that the document does not tell of."""

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        found, method = response.resolver_match, str(request["REQUEST_METHOD"]).lower()
        if found is not None and found.namespace == "recovery_api" and found.url_name and response.status_code < 500:
            hold(templated(url_named(found.url_name)), method, response)
        return response


def hold(path: str, method: str, response: HttpResponse) -> None:
    """Fails unless ``response`` is one that the document has for this call. A method that a call has not is no call."""
    if (path, method) not in OPERATIONS:
        assert response.status_code == 405 or method in ("options", "head"), (method, path)
        return
    told = OPERATIONS[path, method]["responses"]
    status = str(response.status_code)
    assert status in told, f"{method} {path} answered {status}, of which the document knows nothing"
    [kind] = told[status]["content"]
    assert response.headers["Content-Type"] == kind, f"{method} {path} {status}"
    validator(path, method, status).validate(json.loads(response.content))


@cache
def validator(path: str, method: str, status: str) -> Any:
    [content] = OPERATIONS[path, method]["responses"][status]["content"].values()
    schema, named = content["schema"], DOCUMENT["components"]
    if (path, method) != FREE:
        schema, named = closed(schema), closed(named)
    return jsonschema_rs.Draft202012Validator({**schema, "components": named}, validate_formats=True)


def closed(schema: Any) -> Any:
    """The same, where an object has the members that are named and no other."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(each) for name, each in schema.items()}
    has_members = isinstance(schema.get("properties"), dict) and "object" in schema.get("type", ())
    return {"additionalProperties": False, **inner} if has_members else inner


def urls() -> list[URLPattern]:
    return [url for url in get_resolver("recovery.api.urls").url_patterns if url.name]


def url_named(name: str) -> URLPattern:
    return next(url for url in urls() if url.name == name)


def templated(pattern: URLPattern) -> str:
    """The path of a URL as OpenAPI writes it."""
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
