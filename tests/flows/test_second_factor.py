"""A reset at a site that asks for a second factor after the password, as django-otp does: by a mark of the session."""

from typing import Any, Final

import pytest
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.test import Client
from django.urls import path

from example_project import urls as site
from tests.asking import NEW_PASSWORD, browser, set_password
from tests.factories import UserFactory
from tests.following import mailed_link, opened
from tests.signing_in import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__), pytest.mark.attack(39)]

CODE: Final = "271828"
ENROLLED: Final = "enrolled in the second factor"
PRIVATE: Final = "/private/"
SECOND: Final = "/second/"


def second(request: HttpRequest) -> HttpResponse:
    if request.POST.get("code") == CODE:
        request.session["second"] = request.user.pk
    return redirect(PRIVATE)


def private(request: HttpRequest) -> HttpResponse:
    return HttpResponse("what is hers alone")


urlpatterns = [path("second/", second), path("private/", private), *site.urlpatterns]


def asks_for_a_second_factor(get_response: Any) -> Any:
    """Whoever is enrolled gets no page of the site with the password alone."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.path == PRIVATE:
            if not request.user.is_authenticated:
                return redirect("/accounts/login/")
            is_enrolled = request.user.groups.filter(name=ENROLLED).exists()
            if is_enrolled and request.session.get("second") != request.user.pk:
                return redirect(SECOND)
        response: HttpResponse = get_response(request)
        return response

    return answer


@pytest.fixture
def user(settings: Any) -> Any:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.asks_for_a_second_factor"]
    user = UserFactory.create()
    user.groups.add(Group.objects.create(name=ENROLLED))
    return user


def assert_asks(client: Client) -> None:
    """The second factor is asked for and a wrong one does not do; the right one opens the page."""
    assert client.get(PRIVATE).url == SECOND
    client.post(SECOND, {"code": "000000"})
    assert client.get(PRIVATE).url == SECOND
    client.post(SECOND, {"code": CODE})
    assert client.get(PRIVATE).content == b"what is hers alone"


@pytest.mark.parametrize("signs_in", [False, True])
def test_a_reset_does_not_go_past_the_second_factor(user: Any, settings: Any, signs_in: bool) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "POST_RESET_LOGIN": signs_in}
    client, form = opened(mailed_link(user))
    assert set_password(client, form).status_code == 302
    assert client.get(PRIVATE).url == (SECOND if signs_in else "/accounts/login/")
    if not signs_in:
        assert sign_in(user.username, NEW_PASSWORD, client)
    assert_asks(client)
    elsewhere = browser()
    assert sign_in(user.username, NEW_PASSWORD, elsewhere)
    assert_asks(elsewhere)
    assert list(user.groups.values_list("name", flat=True)) == [ENROLLED]


@pytest.mark.parametrize("signs_in", [False, True])
def test_a_browser_that_gave_its_second_factor_before_gives_it_again_after_a_reset(
    user: Any, settings: Any, signs_in: bool
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "POST_RESET_LOGIN": signs_in}
    client = browser()
    assert sign_in(user.username, client=client)
    assert_asks(client)
    form = client.get(mailed_link(user)).url
    assert set_password(client, form).status_code == 302
    assert client.get(PRIVATE).url == (SECOND if signs_in else "/accounts/login/")
    if not signs_in:
        assert sign_in(user.username, NEW_PASSWORD, client)
    assert_asks(client)
