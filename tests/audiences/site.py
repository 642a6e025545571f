"""A site with several doors, and what people do at them: two at hosts of their own, one at a path, one at no place."""

import re
from typing import Any, Final

from django.contrib import admin
from django.contrib.auth.models import Group
from django.core import mail
from django.test import Client
from django.urls import include, path
from django.views.generic import TemplateView

from recovery import resets, sweep
from recovery.models import ResetRequest
from recovery.origin import Origin
from recovery.sign_in import SignInView
from tests.asking import browser, work

FORGOT: Final = "/recovery/forgot/"
SIGN_IN: Final = "/accounts/login/"
HOSTS: Final = ["library.example", "site.example", "portal.example", "elsewhere.example"]
NAMES: Final = {
    "default": "The Library",
    "site": "The Site",
    "portal": "The Portal",
    "partner": "The Partner",
    "club": "The Club",
}
HERE: Final = __name__
DOORS: Final[dict[str, dict[str, Any]]] = {
    "site": {
        "BASE_URL": "https://site.example",
        "FROM_EMAIL": "desk@site.example",
        "SITE_NAME": "The Site",
        "SUPPORT_CONTACT": "help@site.example",
        "MEMBERS": f"{HERE}.is_of_site",
    },
    "portal": {
        "BASE_URL": "https://portal.example",
        "FROM_EMAIL": "desk@portal.example",
        "SITE_NAME": "The Portal",
        "TEMPLATES": "portal_door",
        "MEMBERS": f"{HERE}.is_of_portal",
    },
    "partner": {
        "BASE_URL": "https://library.example/partner",
        "FROM_EMAIL": "desk@partner.example",
        "SITE_NAME": "The Partner",
        "LANGUAGE": "de",
        "LOGIN_URL": "/partner/sign-in/",
    },
    "club": {"FROM_EMAIL": "desk@club.example", "SITE_NAME": "The Club", "MEMBERS": f"{HERE}.is_of_club"},
}
PLACES: Final = {
    "default": ("library.example", ""),
    "site": ("site.example", ""),
    "portal": ("portal.example", ""),
    "partner": ("library.example", "/partner"),
}
"""Host, and with what paths begin, of each door that has a place."""

urlpatterns = [
    path("recovery/", include("recovery.urls")),
    path("partner/recovery/", include("recovery.urls", namespace="partner")),
    path("partner/sign-in/", SignInView.as_view()),
    path("accounts/login/", SignInView.as_view(), name="login"),
    path("accounts/", include("recovery.auth_urls")),
    path("admin/", admin.site.urls),
    path("", TemplateView.as_view(template_name="example_project/home.html"), name="home"),
]


def _is_of(user: Any, name: str) -> bool:
    return bool(user.groups.filter(name=name).exists())


def is_of_site(user: Any) -> bool:
    return _is_of(user, "site")


def is_of_portal(user: Any) -> bool:
    return _is_of(user, "portal")


def is_of_club(user: Any) -> bool:
    return _is_of(user, "club")


def joins(user: Any, *names: str) -> Any:
    user.groups.add(*(Group.objects.get_or_create(name=name)[0] for name in names))
    return user


def leaves(user: Any, name: str) -> None:
    user.groups.remove(Group.objects.get(name=name))


def at(host: str, **more: Any) -> Client:
    return browser(**{"HTTP_HOST": host, **more})


def asks_at(door: str, identifier: str) -> Any:
    """Somebody asks at a door's own page; the answer."""
    host, prefix = PLACES[door]
    return at(host).post(f"{prefix}{FORGOT}", {"identifier": identifier})


def links() -> list[str]:
    """Of the newest mail."""
    return re.findall(r"https://\S+/(?:reset|activate)/\S+", str(mail.outbox[-1].body))


def mailed() -> Any:
    """The newest mail, after workers have done what is due."""
    work()
    sweep.sweep()
    return mail.outbox[-1]


def mailed_link() -> str:
    """The one link of the newest mail."""
    mailed()
    [link] = links()
    return link


def host_of(link: str) -> str:
    return link.split("/")[2]


def staff_send(user: Any, **more: Any) -> ResetRequest:
    """What staff or a command of the site asks for, naming no door."""
    return resets.send_by_staff(user, actor=None, reason="asked by phone", origin=Origin(), **more)


def is_of(door: str, page: Any) -> bool:
    """Whether a page names this door and no other."""
    named = {name for name, site_name in NAMES.items() if site_name in page.content.decode()}
    return page.status_code == 200 and named == {door}
