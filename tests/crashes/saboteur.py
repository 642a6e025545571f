"""Kills the process that it is installed in, by SIGKILL, at a point of a mail's way out or of a forced rotation.

It sits outside of what it kills: it wraps what delivery calls on other modules, and what they call of Python's.
"""

import http.client
import os
import select
import signal
import threading
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any
from uuid import UUID

import requests
from django.db import router, transaction

from recovery import bell, resets, revoking
from recovery.models import Email, ResetRequest, moves
from recovery.reasons import EmailVerb
from recovery.resets import deciding


class Point(StrEnum):
    """Where a worker dies."""

    CLAIMED = "claimed"  # and nothing else
    BEFORE_REQUEST = "before_request"
    ACCEPTED_UNREAD = "accepted_unread"  # the provider took it, and has answered
    READ_UNCOMMITTED = "read_uncommitted"
    COMMITTED = "committed"  # and the task's message not acknowledged
    ASKED = "asked"  # a web process, between its COMMIT and its ring
    ENDING = "ending"  # within the transaction that ends an account's access
    ENDED = "ended"  # and nothing decided
    REPAIRING = "repairing"  # within the transaction that asks for a fresh link for somebody of an incident


AMBIGUOUS = frozenset({Point.ACCEPTED_UNREAD, Point.READ_UNCOMMITTED})
"""Where nobody can know whether the mail has left."""
OF_A_ROTATION = [Point.ENDING, Point.ENDED]
OF_A_MAIL = [point for point in Point if point not in (Point.ASKED, Point.REPAIRING, *OF_A_ROTATION)]

Die = Callable[[], object]


class Saboteur:
    """Counts how often the process comes to ``point``; the ``nth`` time it ends."""

    def __init__(self, point: Point, nth: int, die: Die) -> None:
        self.nth, self.die = nth, die
        self._lock = threading.Lock()
        {
            Point.CLAIMED: self._after_claims,
            Point.BEFORE_REQUEST: self._before_requests,
            Point.ACCEPTED_UNREAD: self._before_answers,
            Point.READ_UNCOMMITTED: self._before_notes,
            Point.COMMITTED: self._after_notes,
            Point.ASKED: self._before_rings,
            Point.ENDING: self._before_revoking,
            Point.ENDED: self._before_decisions,
            Point.REPAIRING: self._before_requests_of_repairs,
        }[point]()

    def passes(self) -> None:
        with self._lock:
            self.nth -= 1
            if self.nth == 0:
                self.die()

    def _after_commit(self) -> None:
        transaction.on_commit(self.passes, using=router.db_for_write(Email))

    def _after_claims(self) -> None:
        claim = moves.claim

        def claimed(**how: Any) -> moves.Claimed:
            found = claim(**how)
            if found.emails:
                self._after_commit()
            return found

        moves.claim = claimed

    def _before_requests(self) -> None:
        request = requests.Session.request

        def called(session: Any, method: str, *args: Any, **more: Any) -> Any:
            if method == "POST":
                self.passes()
            return request(session, method, *args, **more)

        requests.Session.request = called  # type: ignore[method-assign]

    def _before_answers(self) -> None:
        getresponse = http.client.HTTPConnection.getresponse

        def answered(connection: Any) -> Any:
            if connection._method == "POST":
                select.select([connection.sock], [], [])
                self.passes()
            return getresponse(connection)

        http.client.HTTPConnection.getresponse = answered  # type: ignore[method-assign]

    def _before_notes(self) -> None:
        move = moves.move

        def moved(told: Iterable[moves.Move], *, owner: UUID | None = None) -> dict[UUID, str]:
            if _has_left(told):
                self.passes()
            return move(list(told), owner=owner)

        moves.move = moved

    def _after_notes(self) -> None:
        move = moves.move

        def moved(told: Iterable[moves.Move], *, owner: UUID | None = None) -> dict[UUID, str]:
            states = move(list(told), owner=owner)
            if _has_left(told):
                self._after_commit()
            return states

        moves.move = moved

    def _before_rings(self) -> None:
        def ring(task: str, pk: UUID | None = None, *, using: str | None = None) -> None:
            transaction.on_commit(self.passes, using=using)

        bell.ring = ring

    def _before_revoking(self) -> None:
        revoke = revoking.revoke

        def revoked(user: Any) -> dict[str, int | str]:
            self.passes()
            return revoke(user)

        revoking.revoke = revoked

    def _before_requests_of_repairs(self) -> None:
        written = resets.written

        def write(request: ResetRequest, **more: Any) -> ResetRequest:
            self.passes()
            return written(request, **more)

        resets.written = write

    def _before_decisions(self) -> None:
        decide = deciding.decide

        def decided(request_id: UUID) -> str | None:
            self.passes()
            return decide(request_id)

        deciding.decide = decided


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_with_parent() -> None:
    """A worker of a pool: the main process first, or it would start another one."""
    os.kill(os.getppid(), signal.SIGKILL)
    die()


def _has_left(told: Iterable[moves.Move]) -> bool:
    return any(each.verb == EmailVerb.HAND_OVER for each in told)
