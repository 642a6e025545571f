"""Doors: two at one place, names and languages that cannot be, hosts that the site refuses, links into nowhere."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004
from django.http.request import split_domain_port, validate_host
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve

from recovery import audiences, shapes
from recovery.conf import of_django
from recovery.exceptions import Misconfigured

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")  # also a folder, a namespace, a column of forty characters


def wrong() -> Iterator[CheckMessage]:
    """E013."""
    doors: Mapping[str, Mapping[str, Any]] = shapes.sound("AUDIENCES")
    languages = {code for code, _ in of_django("LANGUAGES", [])}
    for name, door in doors.items():
        if not NAME.fullmatch(name):
            yield _error(f"RECOVERY['AUDIENCES'] has a door {name!r}.", "A name is small letters, digits, - and _; 40.")
        if (language := door.get("LANGUAGE")) and language not in languages:
            yield _error(
                f"RECOVERY['AUDIENCES'][{name!r}]['LANGUAGE'] is {language!r}, which is not in LANGUAGES.",
                "Take one of LANGUAGES, or leave it out: then each reader's own counts.",
            )
    yield from _shared(doors)


def _shared(doors: Mapping[str, Mapping[str, Any]]) -> Iterator[CheckMessage]:
    """Of two doors at one place only the first would ever be asked at."""
    at: dict[tuple[str, str], str] = {}
    for name, base_url in _given(doors).items():
        place = audiences.place(str(base_url))
        if place[0] and place in at:
            yield _error(
                f"The doors {at[place]!r} and {name!r} have the same BASE_URL.",
                f"Give {name!r} a host or a path of its own, or leave its BASE_URL out: then nobody asks there, and "
                "mail is its own for those who belong to it.",
            )
        at.setdefault(place, name)


def _given(doors: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The BASE_URL of the site and of each door that has one."""
    own = {name: door["BASE_URL"] for name, door in doors.items() if door.get("BASE_URL")}
    return {audiences.DEFAULT: shapes.sound("BASE_URL")} | own


def doubtful() -> Iterator[CheckMessage]:
    """W019."""
    allowed = list(of_django("ALLOWED_HOSTS", [])) or ["localhost", "127.0.0.1", "[::1]"]
    for name, base_url in _given(shapes.sound("AUDIENCES")).items():
        parts = urlsplit(str(base_url or ""))
        host = split_domain_port(parts.netloc)[0]
        if parts.netloc and not validate_host(host, allowed):
            yield _warning(
                f"The door {name!r} lives at {host}, which ALLOWED_HOSTS does not have: its pages are refused.",
                "Add the host to ALLOWED_HOSTS, or silence this check if another process serves it.",
            )
        if name != audiences.DEFAULT and parts.path.strip("/") and (path := _nowhere(name)):
            yield _warning(
                f"Links of the door {name!r} lead to {path}, which is no page of this site.",
                f'Add path("...", include("recovery.urls", namespace="{name}")) below its BASE_URL, or silence this '
                "check if a proxy takes the path off.",
            )


def _nowhere(name: str) -> str:
    """The path of the door's forgot page, if nothing answers there."""
    try:
        path = urlsplit(audiences.get(name).forgot_url).path
    except (Misconfigured, NoReverseMatch):
        return ""
    try:
        resolve(f"/{path.removeprefix(get_script_prefix())}")
    except Resolver404:
        return path
    return ""


def _error(said: str, hint: str) -> Error:
    return Error(said, hint=hint, id="recovery.E013")


def _warning(said: str, hint: str) -> Warning:
    return Warning(said, hint=hint, id="recovery.W019")
