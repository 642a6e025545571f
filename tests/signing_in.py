"""Sign-ins through the doors of a site, and what the counters then hold."""

from datetime import timedelta
from typing import Any, Final

from django.db import models
from django.db.models import F
from django.test import Client

from recovery import accounts, lockouts
from recovery.models import Lockout, LoginCounter
from tests.asking import browser
from tests.factories import PASSWORD
from tests.following import age_slots

SIGN_IN: Final = "/accounts/login/"
WRONG: Final = "not her password"
LIMIT: Final = 5


def sign_in(name: str, password: str = PASSWORD, client: Client | None = None, **more: Any) -> bool:
    """Whether the site's sign-in page lets in."""
    answer = (client or browser(**more)).post(SIGN_IN, {"username": name, "password": password})
    assert answer.status_code in (200, 302, 429)
    return bool(answer.status_code == 302)


def fail(name: str, times: int = 1, **more: Any) -> None:
    for _ in range(times):
        assert not sign_in(name, WRONG, **more)


def locked(name: str, **more: Any) -> None:
    """Lock the name by guessing."""
    fail(name, LIMIT, **more)


def let_pass(time: timedelta) -> None:
    """As ``following.let_pass``, for what is counted and locked alone: tests of a hundred guesses need it often."""
    for model in (LoginCounter, Lockout):
        moments = [field.name for field in model._meta.fields if isinstance(field, models.DateTimeField)]
        model.objects.update(**{name: F(name) - time for name in moments})
    age_slots(time)


def counter(name: str) -> LoginCounter | None:
    return LoginCounter.objects.filter(pk=lockouts.of_name(name)).first()


def lockouts_of(user: Any) -> list[Lockout]:
    return list(Lockout.objects.filter(user_key=accounts.key_of(user)).order_by("pk"))


def limits(settings: Any, **most: int | None) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "LOGIN_FAILURE_LIMIT": most}
