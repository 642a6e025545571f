"""A site that routes the app's rows to a database of their own."""

from typing import Any

import pytest
from django.core import mail
from django.db import router

from recovery import resets
from recovery.accounts import find
from recovery.models import AccountState, Decision, Email, ResetRequest, ResetToken
from recovery.reasons import Outcome
from tests.asking import ask, browser
from tests.factories import UserFactory
from tests.following import mailed_link, works
from tests.homes import at_home, signs_in

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "elsewhere"])


class Elsewhere:
    """Rows of recovery are written elsewhere. Reading is said to be at home, as with a replica that lags."""

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "elsewhere" if model._meta.app_label == "recovery" else None

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "default" if model._meta.app_label == "recovery" else None

    def allow_relation(self, *args: Any, **hints: Any) -> bool:
        return True


@pytest.fixture(autouse=True)
def routed(settings: Any) -> None:
    settings.DATABASE_ROUTERS = [Elsewhere()]
    assert router.db_for_write(Email) == "elsewhere"


def rows() -> list[int]:
    return [model.objects.using("default").count() for model in (ResetRequest, Decision, ResetToken, Email)]


def test_a_reset_goes_its_whole_way_and_leaves_nothing_at_home() -> None:
    user = UserFactory.create()
    assert works(mailed_link(user), user)
    assert ResetRequest.objects.get().outcome == Outcome.COMPLETED
    assert rows() == [0, 0, 0, 0]


def test_devices_are_remembered_there() -> None:
    user = UserFactory.create(username="mike")
    home = at_home(user)
    for number in range(5):
        signs_in(browser(REMOTE_ADDR=f"192.0.2.{number}"), user, "a guess")
    assert signs_in(browser(), user).status_code == 429
    assert signs_in(home, user).status_code == 302
    assert AccountState.objects.using("elsewhere").count() == 1
    assert AccountState.objects.using("default").count() == 0


class Broken(Exception):
    pass


def unnamed(identifier: str = "", *, user: Any = None) -> Any:
    """Accounts whose user name cannot be told: deciding fails after its first rows were written."""
    found = find(identifier, user=user)
    for account in found:
        account.user.get_username = name  # type: ignore[method-assign]
    return found


def name() -> str:
    raise Broken


def test_a_decision_that_fails_half_way_leaves_nothing_behind(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ACCOUNTS": f"{__name__}.unnamed"}
    user = UserFactory.create()
    ask(browser(), user.email)
    request = ResetRequest.objects.get()
    with pytest.raises(Broken):
        resets.fulfil(request.pk)
    request.refresh_from_db()
    assert request.outcome == Outcome.RECEIVED
    assert (Decision.objects.count(), Email.objects.count(), mail.outbox) == (0, 0, [])
