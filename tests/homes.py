"""Browsers in which somebody signed in: what they hold afterwards."""

from typing import Any

from django.http import HttpRequest
from django.test import Client, RequestFactory

from recovery import devices
from tests.asking import browser
from tests.factories import PASSWORD
from tests.signing_in import SIGN_IN

CURTAIN = "a heron flies over the reeds"  # a second good password


def signs_in(client: Client, user: Any, password: str = PASSWORD, **more: Any) -> Any:
    """What the page answers to this name and password."""
    name = user if isinstance(user, str) else user.get_username()
    return client.post(SIGN_IN, {"username": name, "password": password}, **more)


def at_home(user: Any, password: str = PASSWORD, **more: Any) -> Client:
    """A browser in which ``user`` signed in once; the session is over."""
    client = browser(**more)
    assert signs_in(client, user, password).status_code == 302
    del client.cookies["sessionid"]
    return client


def cookie_of(client: Client) -> str:
    """The value of the device cookie, "" without one."""
    return client.cookies[devices.NAME].value if devices.NAME in client.cookies else ""


def with_cookie(value: str, **more: Any) -> Client:
    """Another browser that holds this cookie."""
    client = browser(**more)
    client.cookies[devices.NAME] = value
    return client


def asked_by(client: Client) -> HttpRequest:
    """A request of this browser, as a backend is given it."""
    request = RequestFactory().post(SIGN_IN)
    request.COOKIES[devices.NAME] = cookie_of(client)
    return request


def known(client: Client, name: str) -> str | None:
    """The id of this browser as a known device of whoever is called so."""
    return devices.known(asked_by(client), name)
