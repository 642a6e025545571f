"""A sign-in through each door: whether it let in."""

import base64
from collections.abc import Callable
from typing import Any

from django.contrib.auth import authenticate
from django.test import Client

from tests.factories import PASSWORD
from tests.signing_in import SIGN_IN


def by_page(client: Client, name: str, password: str) -> bool:
    return client.post(SIGN_IN, {"username": name, "password": password}).status_code == 302


def by_admin(client: Client, name: str, password: str) -> bool:
    answer = client.post("/admin/login/?next=/admin/", {"username": name, "password": password})
    return answer.status_code == 302


def by_session(client: Client, name: str, password: str) -> bool:
    given = {"username": name, "password": password}
    return client.post("/api/session/", given, content_type="application/json").status_code == 200


def by_basic(client: Client, name: str, password: str) -> bool:
    word = base64.b64encode(f"{name}:{password}".encode()).decode()
    return client.get("/api/basic/", headers={"Authorization": f"Basic {word}"}).status_code == 200


def by_token(client: Client, name: str, password: str) -> bool:
    given = {"username": name, "password": password}
    return client.post("/api/token/", given, content_type="application/json").status_code == 200


def by_client(client: Client, name: str, password: str) -> bool:
    return client.login(username=name, password=password)


def by_hand(client: Client, name: str, password: str) -> bool:
    return authenticate(username=name, password=password) is not None


DOORS: list[Callable[[Client, str, str], bool]] = [
    by_page,
    by_admin,
    by_session,
    by_basic,
    by_token,
    by_client,
    by_hand,
]


def let_in(door: Any, name: str, password: str = PASSWORD) -> bool:
    return bool(door(Client(), name, password))
