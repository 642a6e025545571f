"""Which door an HTTP request means, and pages as that door has them: its templates, its language, its name.

The page that was asked decides: its host and path, among the places that the settings name. No parameter, cookie or
header of a request names a door. Which accounts belong where stands in ``audiences``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils import translation
from django.views.decorators.debug import sensitive_variables

from recovery import audiences
from recovery.audiences import Audience
from recovery.conf import conf, login_url
from recovery.dressing import render
from recovery.models import ResetToken

MOVED: Final = "moved"
"""In the query of a link that was led to its own door: it is led there once, wherever the proxies say that it is."""


def of(request: HttpRequest) -> Audience:
    """The door at whose page this request is."""
    return audiences.get(audiences.at(host=request.get_host(), path=request.path))


def named(request: HttpRequest, name: str) -> Audience:
    """The door that a row of ours names, if there still is such a one, else that of the request."""
    return audiences.get(name) if name in audiences.names() else of(request)


def of_link(request: HttpRequest, token: ResetToken | None) -> Audience:
    """The door that the link was mailed for; where the site has one only, no row is read for it."""
    email = token.mail() if token is not None and conf.AUDIENCES else None
    return named(request, audiences.of_mail(email, token.user_key)) if email and token else of(request)


@sensitive_variables("kwargs", "link")
def way_home(request: HttpRequest, door: Audience, page: str, **kwargs: str) -> str:
    """Where this link is to be opened, if it was opened at another door's place; "" where it is at home.

    To the door's own base URL and to no other place, once, and only for whoever has the link's secret.
    """
    if MOVED in request.GET or door.base_url == of(request).base_url:
        return ""
    link = door.link(page, **kwargs)
    return f"{link}?{MOVED}"


def onwards(request: HttpRequest, path: str) -> str:
    """The path of the form to which a link leads, with the mark of one that was led home."""
    return f"{path}?{MOVED}" if MOVED in request.GET else path


@contextmanager
def speaking(door: Audience) -> Iterator[None]:
    """In the door's language, where it has one of its own; else in the reader's."""
    if not door.language:
        yield
        return
    with translation.override(door.language):
        yield


@contextmanager
def speaking_at(request: HttpRequest) -> Iterator[None]:
    """As ``speaking``, of the door at which the request is."""
    if not conf.AUDIENCES:
        yield
        return
    with speaking(of(request)):
        yield


def shown(request: HttpRequest, door: Audience, name: str, context: dict[str, Any]) -> HttpResponse:
    """The page ``recovery/<name>`` as this door has it."""
    with speaking(door):
        return render(request, door.templates(name), {**context, **facts(door)})


def facts(door: Audience) -> dict[str, Any]:
    """What the frame of every page asks for."""
    return {
        "site_name": door.site_name,
        "support_contact": door.support_contact,
        "base_template": door.frame("base.html"),
    }


def sign_in_url(door: Audience, next_url: str) -> str:
    """The sign-in of this door, which leads on to ``next_url``, if there is one."""
    url = resolve_url(door.login_url or login_url())
    return f"{url}?{urlencode({'next': next_url})}" if next_url else url
