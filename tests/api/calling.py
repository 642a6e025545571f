"""The JSON API as a program calls it."""

import json
from typing import Any
from uuid import uuid4

from django.core import mail
from django.http import HttpResponse
from django.test import Client

from tests.admin.staff import staff
from tests.api.documented import Program
from tests.asking import NEW_PASSWORD, links, work

API = "/recovery/api/"
AUTHENTICATOR = f"{__name__}.bearer"
MEMBERS: dict[str, Any] = {}
"""Who comes with which bearer token, as the site of a test knows them."""
REASON = "asked by phone, ticket 4711"


def program(**more: Any) -> Client:
    """No browser: it sends no Origin, and has no cookies. CSRF checks are on. Each answer is held to the document."""
    return Program(enforce_csrf_checks=True, **{"HTTP_USER_AGENT": "program/1", "HTTP_ACCEPT_LANGUAGE": "en", **more})


def post(client: Client, path: str, body: Any, **headers: Any) -> HttpResponse:
    """``body`` is sent as JSON, or as it is where it is bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(API + path, data, **{"content_type": "application/json", **headers})


def ask(client: Client, identifier: Any, **headers: Any) -> HttpResponse:
    return post(client, "requests/", {"identifier": identifier}, **headers)


def look(client: Client, token: str, **more: Any) -> HttpResponse:
    return post(client, "links/look/", {"token": token, **more})


def complete(client: Client, token: str, password: str = NEW_PASSWORD, **more: Any) -> HttpResponse:
    return post(client, "links/complete/", {"token": token, "new_password": password, **more})


def mailed_token(user: Any, **more: Any) -> str:
    """Somebody asks by the API, a worker works; what stands in the mail behind the path of links."""
    assert ask(program(**more), user.email).status_code == 202
    work()
    [link] = links(mail.outbox[-1])
    return token_of(link)


def token_of(link: str) -> str:
    return link.removeprefix("/recovery/").partition("/")[2]


def problem(response: HttpResponse) -> dict[str, Any]:
    """The problem that an answer is; fails on any other answer."""
    assert response.headers["Content-Type"] == "application/problem+json", response.content
    found: dict[str, Any] = response.json()
    assert found["status"] == response.status_code
    return found


def code(response: HttpResponse) -> str:
    return str(problem(response)["code"])


def key() -> dict[str, str]:
    """Headers with a fresh Idempotency-Key."""
    return {"HTTP_IDEMPOTENCY_KEY": str(uuid4())}


def bearer(request: Any) -> Any:
    """What a site's own authenticator may look like."""
    return MEMBERS.get(request.headers.get("Authorization", "").removeprefix("Bearer "))


def member(settings: Any, *rights: str, **facts: Any) -> Client:
    """A program of a member of staff with exactly these rights; ``client.user`` is who."""
    user: Any = staff(*rights, **facts).user
    settings.RECOVERY = {**settings.RECOVERY, "API_AUTHENTICATOR": AUTHENTICATOR}
    token = uuid4().hex
    MEMBERS[token] = user
    client = program(HTTP_AUTHORIZATION=f"Bearer {token}")
    client.user = user  # type: ignore[attr-defined]
    return client


def staff_post(client: Client, path: str, body: Any, **headers: Any) -> HttpResponse:
    """With the reason that every call of staff asks for."""
    return post(client, f"staff/{path}/", {"reason": REASON, **body}, **headers)
