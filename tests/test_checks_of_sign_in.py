"""What the checks say of signing in: a backend without its middleware, a reset past a second factor."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.db import connection
from pytest_django import Settings

from recovery import checks
from recovery.backends import LockoutMixin
from recovery.middleware import RecoveryMiddleware


def ids() -> set[str]:
    return {str(message.id) for message in checks.check_sign_in(None)}


class OfASite(RecoveryMiddleware):
    """A site's own class above ours."""


MIDDLEWARE = "recovery.middleware.RecoveryMiddleware"


@pytest.mark.parametrize(
    ("backends", "middleware", "is_told"),
    [
        (["recovery.backends.ModelBackend"], [], True),
        ([f"{__name__}.Counted"], ["nowhere.Middleware"], True),
        (["recovery.backends.ModelBackend"], [MIDDLEWARE], False),
        (["recovery.backends.ModelBackend"], [f"{__name__}.OfASite"], False),
        (["django.contrib.auth.backends.ModelBackend", "nowhere.Backend"], [], False),
    ],
)
def test_a_site_that_counts_sign_ins_is_told_when_no_device_is_ever_known(
    settings: Settings, backends: list[str], middleware: list[str], is_told: bool
) -> None:
    settings.AUTHENTICATION_BACKENDS, settings.MIDDLEWARE = backends, middleware
    assert ("recovery.W020" in ids()) is is_told


class Counted(LockoutMixin, BaseBackend):
    """A site's own backend behind ours."""


@pytest.mark.attack(39)
@pytest.mark.parametrize("signs_in", [True, False])
@pytest.mark.parametrize("second_factor", ["allauth.mfa", "django_otp"])
def test_a_reset_that_signs_in_past_a_second_factor_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, second_factor: str, signs_in: bool
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "POST_RESET_LOGIN": signs_in}
    assert "recovery.W021" not in ids()
    monkeypatch.setattr(apps, "app_configs", {**apps.app_configs, "mfa": SimpleNamespace(name=second_factor)})
    assert ("recovery.W021" in ids()) is signs_in


OURS = "recovery.backends.ModelBackend"


@pytest.mark.attack(117)
@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("backend", "is_atomic", "is_told"),
    [(OURS, True, True), (OURS, False, False), ("django.contrib.auth.backends.ModelBackend", True, False)],
)
def test_sqlite_with_atomic_requests_cannot_count(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, backend: str, is_atomic: bool, is_told: bool
) -> None:
    settings.AUTHENTICATION_BACKENDS = [backend]
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", is_atomic)
    assert ("recovery.E012" in ids()) is is_told


@pytest.mark.postgresql
def test_postgresql_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    assert "recovery.E012" not in ids()


@pytest.mark.parametrize(
    ("backends", "told"),
    [
        ([OURS], 0),
        ([OURS, "django.contrib.auth.backends.ModelBackend"], 1),
        ([OURS, "allauth.account.auth_backends.AuthenticationBackend"], 1),
        ([OURS, f"{__name__}.Counted", "django.contrib.auth.backends.RemoteUserBackend"], 0),
        ([OURS, "nowhere.Backend"], 0),
        (["django.contrib.auth.backends.ModelBackend"], 0),
    ],
)
def test_a_backend_that_takes_passwords_and_does_not_count_is_told_of(
    settings: Settings, backends: list[str], told: int
) -> None:
    settings.AUTHENTICATION_BACKENDS = backends
    found = [message for message in checks.check_sign_in(None) if message.id == "recovery.W022"]
    assert len(found) == told
    assert all(backends[-1] in message.msg for message in found)


class Said(Counted):
    name_fields = ("username", "phone")


class Plain(LockoutMixin, ModelBackend):
    """Judges as Django does."""


class Translating(LockoutMixin, ModelBackend):
    def authenticate(self, request: Any, username: Any = None, password: Any = None, **kwargs: Any) -> Any:
        return super().authenticate(request, username, password, **kwargs)


class ByAddress(ModelBackend):
    def authenticate(self, request: Any, username: Any = None, password: Any = None, **kwargs: Any) -> Any:
        user = get_user_model().objects.filter(email=username).first()
        return super().authenticate(request, user.get_username() if user else username, password)


class CountedByAddress(LockoutMixin, ByAddress):
    """Finds accounts by more than their user name."""


@pytest.mark.parametrize(
    ("backend", "is_told"),
    [("Counted", True), ("Said", False), ("Plain", False), ("Translating", False), ("CountedByAddress", True)],
)
def test_a_backend_that_may_know_other_names_and_does_not_say_which_is_told(
    settings: Settings, backend: str, is_told: bool
) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.{backend}"]
    assert ("recovery.W023" in ids()) is is_told


@pytest.mark.parametrize(("model", "is_told"), [("auth.User", False), ("people.Clerk", True)])
def test_a_manager_that_finds_accounts_by_a_look_up_of_its_own_is_told_too(
    settings: Settings, model: str, is_told: bool
) -> None:
    settings.AUTHENTICATION_BACKENDS, settings.AUTH_USER_MODEL = [OURS], model
    assert ("recovery.W023" in ids()) is is_told
