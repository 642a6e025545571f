"""Doors to the same accounts: every page and mail on the way of a reset is of the door that the person came through."""

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client, override_settings
from django.urls import include, path

from recovery import audiences, sweep, views
from recovery.exceptions import Misconfigured
from recovery.models import ResetToken
from tests.asking import asked, browser, set_password, work
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

FORGOT = "/recovery/forgot/"
DOORS: dict[str, dict[str, str]] = {
    # A host of its own; a name and a sender of its own on the site's host.
    "portal": {"BASE_URL": "https://portal.example", "FROM_EMAIL": "desk@portal.example", "SITE_NAME": "The Portal"},
    "club": {"FROM_EMAIL": "desk@club.example", "SITE_NAME": "The Club"},
}
WAYS_IN = {
    "by its host": ("portal", "portal.example", FORGOT),
    "by its name": ("club", "library.example", f"{FORGOT}?audience=club"),
    "by its name, where another lives": ("club", "portal.example", f"{FORGOT}?audience=club"),
    "by the mount": ("club", "library.example", "/club/forgot/"),
    "by the mount, with a host of its own": ("portal", "library.example", "/portal/forgot/"),
}

urlpatterns = [
    path("recovery/", include("recovery.urls")),
    path("club/forgot/", views.forgot, {"audience": "club"}),
    path("portal/forgot/", views.forgot, {"audience": "portal"}),
    path("gone/forgot/", views.forgot, {"audience": "gone"}),
    path("accounts/", include("recovery.auth_urls")),
]


@pytest.fixture(autouse=True)
def a_site_with_three_doors(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    settings.ALLOWED_HOSTS = ["library.example", "portal.example", "elsewhere.example"]
    settings.RECOVERY = {
        **settings.RECOVERY,
        "BASE_URL": "https://library.example",
        "SITE_NAME": "The Library",
        "FROM_EMAIL": "desk@library.example",
        "AUDIENCES": DOORS,
    }


def at(host: str) -> Client:
    return browser(HTTP_HOST=host)


def mailed() -> str:
    """The link of the newest mail."""
    work()
    return re.findall(r"https://\S+/reset/\S+", str(mail.outbox[-1].body))[0]


def is_of(door: str, page: Any) -> bool:
    """Whether a page names this door and no other."""
    names = {"default": "The Library", **{name: own["SITE_NAME"] for name, own in DOORS.items()}}
    named = {name for name, site_name in names.items() if site_name in page.content.decode()}
    return page.status_code == 200 and named == {door}


@pytest.mark.parametrize("way_in", WAYS_IN)
def test_every_page_and_mail_on_the_way_is_of_the_door_that_was_taken(way_in: str) -> None:
    door, host, forgot = WAYS_IN[way_in]
    user, person = UserFactory.create(), at(host)
    assert is_of(door, person.get(forgot))
    sent = person.post(forgot, {"identifier": user.email}).url
    page = person.get(sent)
    assert is_of(door, page)
    assert page.context["sender"] == DOORS[door]["FROM_EMAIL"]
    assert DOORS[door]["SITE_NAME"] in page.context["subject"]
    assert "data-resend" in page.content.decode()
    assert is_of(door, person.get(page.context["forgot_url"]))
    assert is_of(door, at(host).get(sent)), "the page of another browser"

    link = mailed()
    assert mail.outbox[-1].from_email == DOORS[door]["FROM_EMAIL"]
    base = DOORS[door].get("BASE_URL", "https://library.example")
    assert link.startswith(f"{base}/recovery/reset/")
    reader = at(base.removeprefix("https://"))
    form = reader.get(link).url
    assert is_of(door, reader.get(form))
    assert is_of(door, set_password(reader, form, "short"))
    ResetToken.objects.update(expires_at="2026-01-01T00:00Z")
    dead = reader.get(form)
    assert is_of(door, dead)
    assert dead.context["reason"] == "expired"
    assert is_of(door, reader.get(dead.context["forgot_url"]))
    new = reader.post(form, {"again": "1"})
    assert is_of(door, reader.get(new.url))
    assert asked().audience == door


@pytest.mark.parametrize("way_in", WAYS_IN)
def test_the_last_page_and_the_notice_are_of_the_door_too(way_in: str) -> None:
    door, host, forgot = WAYS_IN[way_in]
    user = UserFactory.create()
    at(host).post(forgot, {"identifier": user.email, "next": "/loans/"})
    link = mailed()
    reader = at(link.split("/")[2])
    done = set_password(reader, reader.get(link).url)
    page = reader.get(done.url)
    assert is_of(door, page)
    assert page.context["sign_in_url"].endswith("?next=%2Floans%2F")
    sweep.sweep()
    [notice] = mail.outbox[1:]
    assert notice.from_email == DOORS[door]["FROM_EMAIL"]
    [objection] = re.findall(r"https://\S+/not-me/\S*", str(notice.body))
    assert is_of(door, reader.get(reader.get(objection).url))


def test_the_notice_of_a_new_password_leads_to_the_door_by_its_name_where_its_host_does_not_tell_it() -> None:
    assert audiences.get("club").forgot_url == "https://library.example/recovery/forgot/?audience=club"
    assert audiences.get("portal").forgot_url == "https://portal.example/recovery/forgot/"
    assert audiences.get().forgot_url == "https://library.example/recovery/forgot/"


@pytest.mark.parametrize("host", ["library.example", "elsewhere.example"])
@pytest.mark.parametrize("named", ["", "gone", "<b>", "default", "club\x00"])
def test_a_door_that_does_not_exist_is_the_default_one(host: str, named: str) -> None:
    for page in ("/recovery/forgot/", "/recovery/sent/ZZZZ-ZZZZ/", "/recovery/reset/done/", "/recovery/reset/a/b/c/"):
        answer = at(host).get(page, {"audience": named})
        assert is_of("default", answer), page
        assert "&lt;b&gt;" not in answer.content.decode()


def test_unknown_and_foreign_references_are_the_same_page_at_every_door() -> None:
    for query in ("", "?audience=club"):
        other = at("library.example").post(f"{FORGOT}{query}", {"identifier": "ada@example.com"})
        pages = [at("library.example").get(url) for url in (other.url, f"/recovery/sent/ZZZZ-ZZZZ/{query}")]
        assert len({re.sub(r"\w{4}-\w{4}", "", page.content.decode().split("<main>")[1]) for page in pages}) == 1


def test_a_link_of_a_door_that_was_closed_still_works_at_the_default_one(settings: Any) -> None:
    user, person = UserFactory.create(), at("library.example")
    person.post("/club/forgot/", {"identifier": user.email})
    link = mailed()
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": {}}
    form = person.get(link).url
    assert is_of("default", person.get(form))
    assert is_of("default", person.get(set_password(person, form).url))


def test_a_mount_for_a_door_that_does_not_exist_is_the_sites_mistake_and_told() -> None:
    with pytest.raises(Misconfigured):
        at("library.example").get("/gone/forgot/")


def test_a_cookie_is_for_https_where_the_door_is() -> None:
    local = {**DOORS, "portal": {**DOORS["portal"], "BASE_URL": "http://portal.example"}}
    with override_settings(RECOVERY={"BASE_URL": "https://library.example", "AUDIENCES": local}):
        for host, is_secure in (("library.example", True), ("portal.example", False)):
            cookie = at(host).post(FORGOT, {"identifier": "ada"}).cookies["recovery_asked"]
            assert bool(cookie["secure"]) is is_secure
