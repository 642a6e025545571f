"""Signing in from a device: every door makes it known, and an owner hears of one that is not."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import alogin, authenticate, get_user_model, login
from django.contrib.auth.hashers import MD5PasswordHasher
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient
from django.urls import include, path
from rest_framework.request import Request

from recovery import devices
from recovery.models import AccountState, AuditEvent, Email
from recovery.reasons import Action
from tests.asking import browser, set_password
from tests.factories import PASSWORD, StaffFactory, UserFactory
from tests.following import failing, mailed_link, opened
from tests.homes import CURTAIN, at_home, cookie_of, known, signs_in
from tests.ladder import BACKUPS
from tests.signing_in import SIGN_IN

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def user() -> Any:
    return UserFactory.create(username="Mike", email="mike@example.org")


def told() -> int:
    """How many mails told somebody of a new device."""
    return Email.objects.filter(kind="new_device").count()


def test_what_staff_made_unknown_is_on_the_trail_and_told_at_the_next_success(user: Any) -> None:
    home = at_home(user)
    devices.forget(user, actor=StaffFactory.create(), reason="laptop was stolen")
    [event] = AuditEvent.objects.filter(action=Action.DEVICES_FORGOTTEN)
    assert (event.user_key, event.reason) == (str(user.pk), "laptop was stolen")
    assert told() == 0
    signs_in(home, user)
    assert told() == 1
    assert known(home, "Mike")


def test_the_first_success_is_nobodys_news_and_one_from_elsewhere_is(user: Any) -> None:
    home = at_home(user)
    since = AccountState.objects.get(user_key=str(user.pk)).device_known_since
    assert since
    assert told() == 0
    signs_in(home, user)
    assert told() == 0
    at_home(user)
    assert told() == 1
    assert AccountState.objects.get().device_known_since == since


def test_the_news_comes_from_the_door_at_which_the_person_stood(user: Any, settings: Any) -> None:
    club = {"BASE_URL": "https://127.0.0.1", "SITE_NAME": "The Club"}
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": {"club": club}}
    at_home(user)
    browser(HTTP_HOST="127.0.0.1").post(SIGN_IN, {"username": "Mike", "password": PASSWORD})
    assert Email.objects.get(kind="new_device").audience == "club"


def test_after_a_change_of_the_password_each_browser_is_news_once(user: Any) -> None:
    home = at_home(user)
    user.set_password(CURTAIN)
    user.save()
    signs_in(home, user, CURTAIN)
    signs_in(home, user, CURTAIN)
    assert told() == 1


class Stronger(MD5PasswordHasher):
    """What a new release of Django makes of the default hasher."""

    algorithm = "stronger"


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("door", [SIGN_IN, "/wrapped/"])
def test_an_old_hash_that_is_replaced_at_sign_in_makes_no_stranger_of_its_owner(
    user: Any, settings: Any, door: str
) -> None:
    home = at_home(user)
    settings.PASSWORD_HASHERS = [f"{__name__}.Stronger", *settings.PASSWORD_HASHERS]
    home.post(door, {"username": "Mike", "password": PASSWORD})
    user.refresh_from_db()
    assert user.password.startswith("stronger$")
    assert told() == 0
    assert known(home, "Mike")


class Strongest(Stronger):
    """And the release after that."""

    algorithm = "strongest"


def judged_at_sign_in(client: Any, user: Any) -> None:
    signs_in(client, user)


def asked_once_more(client: Any, user: Any) -> None:
    client.force_login(user)
    client.post(BACKUPS, {"address": "spare@example.net", "password": PASSWORD})


@pytest.mark.parametrize("judge", [judged_at_sign_in, asked_once_more])
def test_nor_of_the_owners_other_browsers_however_often_it_is_replaced_until_the_password_is_a_new_one(
    user: Any, settings: Any, judge: Any
) -> None:
    home, office = at_home(user), at_home(user)
    for newer in ("Stronger", "Strongest"):
        settings.PASSWORD_HASHERS = [f"{__name__}.{newer}", *settings.PASSWORD_HASHERS]
        judge(home, user)
        user.refresh_from_db()
        assert user.password.startswith(newer.lower())
        assert known(office, "Mike")
    abroad = at_home(user)
    assert known(abroad, "Mike")
    user.set_password(CURTAIN)
    user.save()
    assert [known(each, "Mike") for each in (home, office, abroad)] == [None, None, None]


# Doors


def stepping_in(request: HttpRequest) -> HttpResponse:
    login(request, get_user_model().objects.get(username="Mike"))
    return HttpResponse("in")


def wrapped(request: HttpRequest) -> HttpResponse:
    """As a framework's view, which is given a request of the framework's own."""
    framework = Request(request)
    user = authenticate(framework, username=request.POST["username"], password=request.POST["password"])
    assert user is not None
    login(framework, user)
    return HttpResponse("in")


def broken(request: HttpRequest) -> HttpResponse:
    stepping_in(request)
    return HttpResponse(status=500)


async def asynchronous(request: HttpRequest) -> HttpResponse:
    await alogin(request, await get_user_model().objects.aget(username="Mike"))
    return HttpResponse("in")


urlpatterns = [
    path("allauth/", include("allauth.account.urls")),
    path("own/", stepping_in),
    path("wrapped/", wrapped),
    path("broken/", broken),
    path("asynchronous/", asynchronous),
    path("", include("example_project.urls")),
]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("door", "fields"),
    [
        (SIGN_IN, {"username": "Mike", "password": PASSWORD}),
        ("/admin/login/", {"username": "Mike", "password": PASSWORD}),
        ("/allauth/login/", {"login": "Mike", "password": PASSWORD}),
        ("/own/", {}),
        ("/wrapped/", {"username": "Mike", "password": PASSWORD}),
        ("/asynchronous/", {}),
    ],
)
def test_every_door_makes_the_browser_known(user: Any, door: str, fields: dict[str, str]) -> None:
    get_user_model().objects.update(is_staff=True)
    client = browser()
    client.post(door, fields)
    assert known(client, "Mike")
    browser().post(door, fields)
    assert told() == 1


@pytest.mark.urls(__name__)
def test_asynchronous_sites_are_served_as_well(user: Any) -> None:
    client = AsyncClient()

    async def visit() -> None:
        await client.post("/asynchronous/")
        await AsyncClient().post("/asynchronous/")

    async_to_sync(visit)()
    assert known(client, "Mike")  # type: ignore[arg-type]
    assert told() == 1


def test_a_reset_that_signs_in_makes_the_browser_known(user: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "POST_RESET_LOGIN": True}
    client, form = opened(mailed_link(user))
    set_password(client, form)
    assert "sessionid" in client.cookies
    assert known(client, "Mike")


@pytest.mark.urls(__name__)
def test_an_answer_that_ends_no_sign_in_leaves_no_cookie(user: Any) -> None:
    client = browser()
    client.post("/broken/")
    assert cookie_of(client) == ""
    assert not AccountState.objects.exists()


def test_a_sign_in_stands_when_it_cannot_be_remembered(user: Any, caplog: pytest.LogCaptureFixture) -> None:
    at_home(user)
    client = browser()
    with failing("recovery_accountstate|recovery_email"):
        assert signs_in(client, user).status_code == 302
    assert "sessionid" in client.cookies
    assert cookie_of(client) == ""
    assert "a sign-in was not remembered" in caplog.text
    assert signs_in(client, user).status_code == 302
    assert told() == 1
