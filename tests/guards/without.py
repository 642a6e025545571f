"""Takes one guard out of the engine, from outside, to see that a test notices.

``pytest --without=lease`` does so in that session and, through the environment, in the processes that it starts.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from recovery import routes
from recovery.delivery import checking, draining
from recovery.models import Email, moves
from recovery.models.primary import atomic
from recovery.reasons import Circuit

NAME = "TESTS_WITHOUT"


def lease() -> None:
    """A claim is over as soon as it is made."""
    claim = moves.claim

    def claimed(**how: Any) -> moves.Claimed:
        return claim(**{**how, "lease": timedelta(0)})

    moves.claim = claimed


def second_check() -> None:
    """Nothing is looked at again before it is sent, but for the links that go in."""
    check = checking.check

    def checked(held: Any, at: Any) -> Any:
        check(held, at)
        for each in held:
            each.stop = None
        return list(held), []

    checking.check = checked


def attempt_count() -> None:
    """The tries of a mail are not counted before they are made."""
    claim = moves.claim

    def claimed(**how: Any) -> moves.Claimed:
        found = claim(**how)
        for email in found.emails:
            email.attempt_count = email.strike_count = 0
        Email.objects.filter(pk__in=[email.pk for email in found.emails]).update(attempt_count=0, strike_count=0)
        return found

    moves.claim = claimed


def commit_before_send() -> None:
    """Claim, sending and note are one transaction."""
    run = draining.Drain.run

    def in_one(drain: draining.Drain) -> draining.Drained:
        with atomic(Email):
            return run(drain)

    draining.Drain.run = in_one  # type: ignore[method-assign]


def breaker() -> None:
    """No answer opens a circuit."""

    def answered(route: routes.Route, tried: routes.Tried) -> Circuit:
        return Circuit.CLOSED

    routes.answered = answered


GUARDS: dict[str, Callable[[], None]] = {
    each.__name__: each for each in (lease, second_check, attempt_count, commit_before_send, breaker)
}


def apply() -> None:
    """Take out what the environment names."""
    if name := os.environ.get(NAME):
        GUARDS[name]()
