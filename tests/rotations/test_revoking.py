"""Old access survives neither a new password nor a forced rotation: tokens of each kind end that is installed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client, modify_settings
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken, api_settings

from recovery import resets, revoking
from recovery.reasons import Action, Alarm
from recovery.signals import alarm_sounded
from tests.asking import NEW_PASSWORD, set_password
from tests.factories import UserFactory
from tests.following import mailed_link, opened, trail
from tests.people.models import Member
from tests.rotations import api
from tests.rotations.people import force

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.rotations.api"),
    pytest.mark.filterwarnings("ignore:The HMAC key"),
]

FORGET, FAIL, BREAK = (f"tests.rotations.api.{name}" for name in ("forget", "fail", "break_the_transaction"))
Check = Callable[[], bool]


def header(scheme: str, token: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"{scheme} {token}"}


def gets_in(path: str, **headers: str) -> bool:
    return Client().get(path, **headers).status_code == 200  # type: ignore[arg-type]


def accesses_of(user: Any) -> dict[str, Check]:
    """Every way in that somebody may have opened: three browsers, tokens of three kinds, a remember-me cookie."""
    browsers = [Client() for _ in range(3)]
    for browser in browsers:
        browser.force_login(user)
    token, refresh = Token.objects.create(user=user).key, RefreshToken.for_user(user)
    _, knox = AuthToken.objects.create(user)
    AuthToken.objects.create(user)
    api.REMEMBERED |= {f"{user.username}-{n}": user.username for n in range(2)}
    return {
        "sessions": lambda: any(browser.get("/api/session/").status_code == 200 for browser in browsers),
        "authtoken": lambda: gets_in("/api/token/", **header("Token", token)),
        "knox": lambda: gets_in("/api/knox/", **header("Token", knox)),
        "simplejwt": lambda: Client().post("/api/refresh/", {"refresh": str(refresh)}).status_code == 200,
        "remember-me": lambda: f"{user.username}-0" in api.REMEMBERED,
    }


def reset(user: Any) -> None:
    client, form = opened(mailed_link(user))
    assert set_password(client, form).status_code == 302


def rotate(user: Any) -> None:
    assert resets.rotate(force([user]).pk) == 1


WAYS = {Action.COMPLETED: reset, Action.ACCESS_ENDED: rotate}
each_way = pytest.mark.parametrize("action", WAYS)


@pytest.fixture(autouse=True)
def _the_site_forgets(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REVOKERS": [FORGET]}
    api.REMEMBERED.clear()


@pytest.mark.attack(38)
@each_way
def test_whatever_was_open_is_refused_at_the_next_request_and_counted_and_nobody_elses_is(action: str) -> None:
    user, other = UserFactory.create(), UserFactory.create()
    hers, theirs = accesses_of(user), accesses_of(other)
    assert all(check() for check in [*hers.values(), *theirs.values()])
    WAYS[Action(action)](user)
    assert [name for name, check in hers.items() if check()] == []
    assert all(check() for check in theirs.values())
    [detail] = trail(action)
    assert detail["revoked"] == {"authtoken": 1, "simplejwt": 1, "knox": 2, FORGET: 2}


@pytest.mark.attack(38)
def test_the_session_that_set_the_new_password_has_another_key_and_another_csrf_token(settings: Any) -> None:
    """Where a site signs the person in: nothing of before goes on under the same name."""
    settings.RECOVERY = {**settings.RECOVERY, "POST_RESET_LOGIN": True}
    user = UserFactory.create()
    client, form = opened(mailed_link(user))
    client.force_login(user)
    client.get("/accounts/password_change/")
    before = {name: client.cookies[name].value for name in ("sessionid", "csrftoken")}
    set_password(client, form)
    after = {name: client.cookies[name].value for name in ("sessionid", "csrftoken")}
    assert all(after[name] != before[name] for name in before)


def test_a_refresh_token_that_is_over_or_on_the_blacklist_is_not_counted() -> None:
    user = UserFactory.create()
    over, listed, live = (RefreshToken.for_user(user) for _ in range(3))
    listed.blacklist()
    OutstandingToken.objects.filter(jti=over["jti"]).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert revoking.revoke(user)["simplejwt"] == 1
    assert Client().post("/api/refresh/", {"refresh": str(live)}).status_code == 401


def test_access_tokens_end_as_well_where_the_site_lets_them_hold_the_passwords_hash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with ``SIMPLE_JWT = {"CHECK_REVOKE_TOKEN": True}``, which its modules read when they are imported."""
    monkeypatch.setattr(api_settings, "CHECK_REVOKE_TOKEN", True)
    user = UserFactory.create()
    access = str(RefreshToken.for_user(user).access_token)
    assert gets_in("/api/jwt/", **header("Bearer", access))
    rotate(user)
    assert not gets_in("/api/jwt/", **header("Bearer", access))


@each_way
@pytest.mark.parametrize("trouble", [FAIL, BREAK])
def test_a_revoker_that_fails_stops_nothing_else_and_is_on_the_trail_and_an_alarm(
    action: str, trouble: str, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REVOKERS": [trouble, FORGET]}
    heard: list[Any] = []

    def hear(alarm: Alarm, subject: str, **more: Any) -> None:
        heard.append((alarm, subject))

    user = UserFactory.create()
    accesses = accesses_of(user)
    alarm_sounded.connect(hear)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            WAYS[Action(action)](user)
    finally:
        alarm_sounded.disconnect(hear)
    assert not any(check() for check in accesses.values())
    [detail] = trail(action)
    assert detail["revoked"] == {"authtoken": 1, "simplejwt": 1, "knox": 2, trouble: "failed", FORGET: 2}
    assert heard in ([(Alarm.NOT_REVOKED, trouble)], []), "told once in ten minutes by each process"
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD) == (action == Action.COMPLETED)


def test_nothing_is_asked_of_the_database_where_nothing_is_installed(
    settings: Any, django_assert_num_queries: Any
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REVOKERS": []}
    user = UserFactory.create()
    tokens = ["rest_framework.authtoken", "rest_framework_simplejwt.token_blacklist", "knox"]
    with modify_settings(INSTALLED_APPS={"remove": tokens}), django_assert_num_queries(0):
        assert revoking.revoke(user) == {}


def test_tokens_of_another_user_model_are_left_alone_though_their_keys_be_the_same() -> None:
    user = get_user_model()._default_manager.get(pk=UserFactory.create().pk)
    Token.objects.create(user=user)
    assert revoking.revoke(Member(login="x"))["authtoken"] == 0
    assert Token.objects.count() == 1
