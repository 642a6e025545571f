"""Every page and mail on the way of a reset is of the door whose page was asked, by its host or its path."""

import re
from typing import Any

import pytest
from django.core import mail

from recovery import audiences, rendering
from recovery.models import Email, ResetToken
from tests.asking import NEW_PASSWORD, asked, set_password
from tests.audiences.site import (
    DOORS,
    FORGOT,
    NAMES,
    PLACES,
    SIGN_IN,
    asks_at,
    at,
    host_of,
    is_of,
    joins,
    mailed,
    mailed_link,
)
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

HELP = {"site": "help@site.example"}
SENDERS = {"default": "desk@library.example", **{name: door["FROM_EMAIL"] for name, door in DOORS.items()}}


@pytest.fixture
def user() -> Any:
    """Of both doors that have members."""
    return joins(UserFactory.create(), "site", "portal")


@pytest.mark.parametrize("door", PLACES)
def test_every_page_and_mail_is_of_the_door_that_was_asked_at(door: str, user: Any) -> None:
    host, prefix = PLACES[door]
    person = at(host)
    assert is_of(door, person.get(f"{prefix}{FORGOT}"))
    sent = person.post(f"{prefix}{FORGOT}", {"identifier": user.email}).url
    assert sent.startswith(f"{prefix}/recovery/sent/")
    page = person.get(sent)
    assert is_of(door, page)
    assert page.context["sender"] == SENDERS[door]
    assert page.context["support_contact"] == HELP.get(door, "help@library.example")
    assert page.context["forgot_url"] == f"{prefix}{FORGOT}"
    assert is_of(door, at(host).get(sent)), "the page of another browser"

    link = mailed_link()
    assert link.startswith(f"https://{host}{prefix}/recovery/reset/")
    assert mail.outbox[-1].from_email == SENDERS[door]
    assert NAMES[door] in mail.outbox[-1].body
    reader = at(host)
    form = reader.get(link).url
    assert form.startswith(f"{prefix}/recovery/reset/")
    assert is_of(door, reader.get(form))
    assert is_of(door, set_password(reader, form, "short"))
    done = set_password(reader, form)
    assert is_of(door, reader.get(done.url))
    notice = mailed()
    assert notice.from_email == SENDERS[door]
    assert HELP.get(door, "help@library.example") in notice.body
    [objection] = re.findall(r"https://\S+/not-me/\S*", str(notice.body))
    assert objection.startswith(f"https://{host}{prefix}/recovery/not-me/")
    assert is_of(door, reader.get(reader.get(objection).url))


@pytest.mark.parametrize("door", PLACES)
def test_a_dead_link_leads_to_a_new_one_at_the_same_door(door: str, user: Any) -> None:
    host, prefix = PLACES[door]
    asks_at(door, user.email)
    link = mailed_link()
    reader = at(host)
    form = reader.get(link).url
    ResetToken.objects.update(expires_at="2026-01-01T00:00Z")
    dead = reader.get(form)
    assert is_of(door, dead)
    assert dead.context["reason"] == "expired"
    assert is_of(door, reader.get(dead.context["forgot_url"]))
    again = reader.post(form, {"again": "1"})
    assert again.url.startswith(f"{prefix}/recovery/sent/")
    page = reader.get(again.url)
    assert is_of(door, page)
    assert page.context["can_resend"]
    assert asked().audience == door


@pytest.mark.parametrize("door", PLACES)
def test_what_is_no_link_at_all_is_told_by_the_door_at_which_it_was_opened(door: str) -> None:
    host, prefix = PLACES[door]
    for path in ("reset/a/b/c/", "reset/abc/def/", "not-me/x/y/", "activate/a/b/c/", "reset/done/", "not-me/done/"):
        page = at(host).get(f"{prefix}/recovery/{path}", follow=True)
        assert is_of(door, page), path


@pytest.mark.parametrize("door", PLACES)
def test_the_sign_in_page_is_the_doors_and_leads_to_its_forgot_page(door: str) -> None:
    host, prefix = PLACES[door]
    sign_in = DOORS.get(door, {}).get("LOGIN_URL", SIGN_IN)
    page = at(host).get(sign_in, {"next": "/loans/"})
    assert is_of(door, page)
    assert page.context["forgot_url"] == f"{prefix}{FORGOT}?next=%2Floans%2F"
    done = at(host).get(f"{prefix}/recovery/reset/done/", {"next": "/loans/"})
    assert done.context["sign_in_url"] == f"{sign_in}?next=%2Floans%2F"


def test_both_doors_take_the_new_password_and_neither_the_old_one(user: Any) -> None:
    asks_at("portal", user.email)
    link = mailed_link()
    reader = at("portal.example")
    set_password(reader, reader.get(link).url)
    for host in ("site.example", "portal.example"):
        for password, status in ((PASSWORD, 200), (NEW_PASSWORD, 302)):
            answer = at(host).post(SIGN_IN, {"username": user.username, "password": password})
            assert answer.status_code == status, (host, password)


def test_a_door_has_pages_and_a_frame_of_its_own_and_the_shipped_ones_beside(user: Any) -> None:
    own = at("portal.example").get(FORGOT).content.decode()
    assert "Your portal password" in own
    sent = at("portal.example").get("/recovery/sent/ZZZZ-ZZZZ/").content.decode()
    assert 'class="portal-frame"' in sent
    assert "ZZZZ-ZZZZ" in sent
    assert "portal-frame" in at("portal.example").get(SIGN_IN).content.decode()
    for host in ("site.example", "library.example"):
        for path in (FORGOT, "/recovery/sent/ZZZZ-ZZZZ/", SIGN_IN):
            assert "portal-frame" not in at(host).get(path).content.decode()


def test_a_door_has_mails_of_its_own_and_the_shipped_ones_beside(user: Any) -> None:
    asks_at("portal", user.email)
    link = mailed_link()
    first = mail.outbox[-1]
    assert first.subject == "Your portal link"
    assert first.body.startswith("Portal post\n")
    assert "Choose a new password" in first.body
    reader = at("portal.example")
    assert at("portal.example").get("/recovery/sent/ZZZZ-ZZZZ/").context["subject"] == "Your portal link"
    set_password(reader, reader.get(link).url)
    assert mailed().body.startswith("Portal post\n")
    other = UserFactory.create()
    asks_at("default", other.email)
    mailed_link()
    assert "portal" not in mail.outbox[-1].subject.lower()
    assert not mail.outbox[-1].body.startswith("Portal post")


def test_a_door_with_a_language_speaks_it_whatever_the_reader_s_is(user: Any) -> None:
    english = {"HTTP_ACCEPT_LANGUAGE": "en"}
    person = at("library.example", **english)
    assert 'lang="de"' in person.get(f"/partner{FORGOT}").content.decode()
    assert 'lang="de"' in person.get("/partner/sign-in/").content.decode()
    assert 'lang="en"' in person.get(FORGOT).content.decode()
    assert 'lang="en"' in person.get(SIGN_IN).content.decode()
    sent = person.post(f"/partner{FORGOT}", {"identifier": user.email}).url
    assert 'lang="de"' in person.get(sent).content.decode()
    link = mailed_link()
    assert "Passwort" in mail.outbox[-1].body
    form = person.get(link).url
    assert 'lang="de"' in person.get(form).content.decode()
    set_password(person, form)
    assert "Passwort" in mailed().body
    assert {rendering.language_of(email) for email in Email.objects.all()} == {"de"}


def test_links_have_the_door_s_own_base_whatever_the_host_of_the_page_was(user: Any) -> None:
    """The path of a base that no include of this site has is put before ours, as a proxy wants it that takes it off."""
    assert audiences.get("partner").link("forgot") == "https://library.example/partner/recovery/forgot/"
    door = audiences.Audience(name="far", base_url="https://far.example/app", from_email="", site_name="")
    assert door.link("forgot") == "https://far.example/app/recovery/forgot/"


@pytest.mark.parametrize(("door", "other"), [("portal", "site"), ("site", "default"), ("partner", "portal")])
def test_a_link_that_is_opened_at_another_door_is_led_to_its_own_and_works_there(
    door: str, other: str, user: Any
) -> None:
    asks_at(door, user.email)
    link = mailed_link()
    host, prefix = PLACES[other]
    path = re.sub(r"^https://[^/]+(/partner)?", prefix, link)
    stranger = at(host)
    form = stranger.get(path).url
    home = stranger.get(form)
    assert home.status_code == 302
    assert home.url == f"{link}?moved"
    assert stranger.cookies["recovery_token"].value == "", "the secret stays at its own door"
    token = ResetToken.objects.get()
    assert (token.open_count, token.opened_at) == (0, None)
    assert set_password(stranger, form).status_code == 200, "a form posted there finds no secret"
    reader = at(host_of(link))
    form = reader.get(home.url).url
    assert is_of(door, reader.get(form))
    assert set_password(reader, form).status_code == 302


def test_whoever_has_not_the_secret_is_led_nowhere(user: Any) -> None:
    asks_at("portal", user.email)
    link = mailed_link()
    *_, selector, verifier, _end = link.split("/")
    guess = verifier[::-1]
    reader = at("site.example")
    form = reader.get(f"/recovery/reset/{selector}/{guess}/").url
    page = reader.get(form)
    assert is_of("site", page)
    assert page.context["reason"] == "invalid"


def test_a_link_is_led_home_once_wherever_a_proxy_says_that_it_is(user: Any) -> None:
    """A proxy that hides the host must not send people round in a circle."""
    asks_at("portal", user.email)
    link = mailed_link()
    behind = at("site.example")
    path = link.removeprefix("https://portal.example")
    home = behind.get(behind.get(path).url).url
    form = behind.get(home.removeprefix("https://portal.example")).url
    assert is_of("portal", behind.get(form))
    assert set_password(behind, form).status_code == 302


def test_the_link_of_a_notice_is_led_to_its_own_door_as_well(user: Any) -> None:
    asks_at("portal", user.email)
    link = mailed_link()
    reader = at("portal.example")
    set_password(reader, reader.get(link).url)
    [objection] = re.findall(r"https://\S+/not-me/\S*", str(mailed().body))
    stranger = at("site.example")
    home = stranger.get(stranger.get(objection.removeprefix("https://portal.example")).url)
    assert home.url == f"{objection}?moved"
    assert is_of("portal", reader.get(reader.get(home.url).url))


def test_a_link_of_a_door_that_was_closed_still_works_at_the_default_one(user: Any, settings: Any) -> None:
    asks_at("portal", user.email)
    link = mailed_link()
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": {"site": DOORS["site"]}}
    person = at("library.example")
    form = person.get(link.removeprefix("https://portal.example")).url
    assert is_of("default", person.get(form))
    assert is_of("default", person.get(set_password(person, form).url))
    assert mailed().from_email == "desk@site.example", "the notice is of the door to which the person still belongs"


def test_a_cookie_is_for_https_where_the_door_is(settings: Any) -> None:
    local = {**DOORS, "portal": {**DOORS["portal"], "BASE_URL": "http://portal.example"}}
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": local}
    for host, is_secure in (("library.example", True), ("portal.example", False)):
        cookie = at(host).post(FORGOT, {"identifier": "ada"}).cookies["recovery_asked"]
        assert bool(cookie["secure"]) is is_secure


def test_backup_addresses_are_kept_at_the_door_where_somebody_signed_in(user: Any) -> None:
    client = at("library.example")
    client.force_login(user)
    page = "/partner/recovery/backup-addresses/"
    assert is_of("partner", client.get(page))
    added = client.post(page, {"address": "spare@example.net", "password": PASSWORD})
    assert added.url.startswith(page)
    confirming = client.get(added.url)
    assert is_of("partner", confirming)
    assert f'href="{page}"' in confirming.content.decode()
