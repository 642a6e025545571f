"""Case 21: many posts of one link at once. Exactly one wins, and only the winner's password counts."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection, connections
from django.test import RequestFactory

from recovery.models import AuditEvent, Email, ResetToken
from recovery.reasons import Action, EmailKind, TokenState
from tests.asking import FIREFOX
from tests.factories import UserFactory
from tests.following import let_pass, mailed_link, row_of, selector_of, trail, verifier_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(21)]

TOKEN = "a" * 32  # of the CSRF check: the cookie and the field agree


class Gate:
    """A password validator of the site at which all posts of a round wait for each other.

    Every one of them has then found the link good, and all go on to spend it in the same moment.
    """

    barrier = threading.Barrier(1)

    def validate(self, password: str, user: Any = None) -> None:
        self.barrier.wait(timeout=60)

    def get_help_text(self) -> str:
        return ""


class Runners:
    """Threads that stand ready, each with a database connection of its own, and the site's WSGI door."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.site = WSGIHandler()
        self.pool = ThreadPoolExecutor(number)

    def post(self, link: str, password: str) -> str:
        """Post a password over the link; returns the status."""
        request = RequestFactory(**FIREFOX).post(
            f"/recovery/reset/{selector_of(link)}/", {"new_password1": password, "csrfmiddlewaretoken": TOKEN}
        )
        request.environ["HTTP_COOKIE"] = f"csrftoken={TOKEN}; recovery_token={verifier_of(link)}"
        answers: list[str] = []
        self.site(request.environ, lambda status, headers, error=None: answers.append(status[:3])).close()
        return answers[0]

    def race(self, links: list[str]) -> list[tuple[str, str]]:
        """Post over all these links at once, each with a password of its own; returns (link, password) that won."""
        tries = [(link, f"the password of runner {runner}") for runner, link in enumerate(links)]
        Gate.barrier = threading.Barrier(len(tries))
        answers = list(self.pool.map(lambda one: self.post(*one), tries))
        assert not Gate.barrier.broken
        assert set(answers) <= {"302", "200"}
        return [one for one, answer in zip(tries, answers, strict=True) if answer == "302"]

    def leave(self) -> None:
        everybody = threading.Barrier(self.number)

        def close(_: int) -> None:
            everybody.wait(timeout=60)
            connections.close_all()

        list(self.pool.map(close, range(self.number)))
        self.pool.shutdown()


@pytest.fixture
def runners(request: Any, settings: Any) -> Iterator[Runners]:
    """As many as the test asks for; their connections stay open from one round to the next."""
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": f"{__name__}.Gate"}]
    kept = connection.settings_dict["CONN_MAX_AGE"]
    connection.settings_dict["CONN_MAX_AGE"] = None
    ready = Runners(request.param)
    yield ready
    ready.leave()
    connection.settings_dict["CONN_MAX_AGE"] = kept


def race_is_won_by_one(runners: Runners, address: str) -> None:
    AuditEvent.objects.purge(list(AuditEvent.objects.values_list("pk", flat=True)))
    user = UserFactory.create()
    link = mailed_link(user, REMOTE_ADDR=address)
    [(_, password)] = runners.race([link] * runners.number)
    user.refresh_from_db()
    assert user.check_password(password)
    assert row_of(link).state == TokenState.USED
    assert len(trail(Action.COMPLETED)) == 1
    # By the link's own guard, not only by the password's, which would catch them as well.
    assert trail(Action.LINK_REFUSED) == [{"refusal": "used"}] * (runners.number - 1)
    assert Email.objects.filter(kind=EmailKind.PASSWORD_CHANGED, recipient=user.email).count() == 1


@pytest.mark.postgresql
@pytest.mark.slow
@pytest.mark.parametrize("runners", [50], indirect=True)
def test_of_fifty_posts_at_once_exactly_one_wins_in_each_of_forty_rounds(runners: Runners) -> None:
    for lap in range(40):
        race_is_won_by_one(runners, f"198.51.100.{lap}")


@pytest.mark.sqlite
@pytest.mark.parametrize("runners", [12], indirect=True)
def test_of_twelve_posts_at_once_exactly_one_wins_in_each_of_six_rounds(runners: Runners) -> None:
    for lap in range(6):
        race_is_won_by_one(runners, f"198.51.100.{lap}")


@pytest.mark.parametrize("runners", [2], indirect=True)
def test_of_two_links_of_one_account_posted_at_once_one_wins_and_the_other_dies(runners: Runners) -> None:
    """As when the newer mail left and the worker died before it could note it: both links are live."""
    user = UserFactory.create()
    first = mailed_link(user)
    let_pass(timedelta(minutes=2))
    second = mailed_link(user)
    ResetToken.objects.update(state=TokenState.LIVE, ended_at=None)
    [(won, password)] = runners.race([first, second])
    assert row_of(won).state == TokenState.USED
    assert row_of(second if won == first else first).state == TokenState.REVOKED
    user.refresh_from_db()
    assert user.check_password(password)
    assert len(trail(Action.COMPLETED)) == 1
