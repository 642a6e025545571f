"""Commits: what became of mails, and the claim of the next ones, in one transaction.

A note of what a provider took must not be lost to a database that restarts: it is written again and again for as long
as the lease allows. A claim is not: whoever comes next makes it.

Where mail leaves faster than PostgreSQL answers, a note is written beside, while the next mails are made. One at a
time, and the next note or claim waits for it.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import DatabaseError, InterfaceError, OperationalError, connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from recovery import bell, tokens
from recovery.delivery.beside import Beside
from recovery.models import Email, moves
from recovery.models.emails import FINAL_FAILURES
from recovery.models.moves import Claimed, Move
from recovery.models.primary import atomic
from recovery.reasons import LINK_KINDS, EmailReason, EmailState, EmailVerb

logger = logging.getLogger(__name__)

PATIENCE: Final = 60.0  # seconds of a lease of 90 that a note is tried for
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0


@dataclass(frozen=True, slots=True)
class Claim:
    """What to claim: these, or so many of the most urgent; not what no route takes."""

    ids: Sequence[UUID] | None
    most: int
    blocked: Sequence[tuple[str, Sequence[str]]] = ()


@dataclass(slots=True)
class Notes:
    """The moves of one drain, written as its owner."""

    owner: UUID
    lease: timedelta
    waiting: list[Move] = field(default_factory=list)
    held: dict[UUID, Email] = field(default_factory=dict)  # claimed, and not noted yet
    states: dict[UUID, str] = field(default_factory=dict)  # of the mails that were noted
    overtaken: list[UUID] = field(default_factory=list)  # a report or another worker was faster than the note
    moved: int = 0
    refused: list[DatabaseError] = field(default_factory=list)
    unsettled: list[Move] = field(default_factory=list)  # being written beside
    beside: Beside = field(default_factory=Beside)

    def add(self, moved: Iterable[Move]) -> None:
        self.waiting += moved

    def commit(self, claim: Claim | None = None) -> Claimed | None:
        """Write what waits, and claim; None where nothing was to be claimed.

        Raises what the database says to a claim, and to a note only in the end. A single move that it does not take
        is logged and left to its lease; the others are written.
        """
        self._settle()
        told, self.waiting = self.waiting, []
        if not told and claim is None:
            return None
        try:
            return self._write(told, claim)
        except (InterfaceError, OperationalError):
            if not told or self._database().in_atomic_block:
                raise
            again = self._write_patiently
        except DatabaseError:
            again = self._write_each
        again(told)
        return self._write([], claim)

    def commit_beside(self) -> None:
        """As ``commit`` without a claim; where one statement writes it all, its answer is looked at next time."""
        if self._settle() and self.waiting and not self._resets(self.waiting):
            try:
                self.beside.send(moves.statement(self.waiting, owner=self.owner))
            except DatabaseError:
                self.beside.close()
            else:
                self.unsettled, self.waiting = self.waiting, []
                return
        self.commit()

    def _settle(self) -> bool:
        """Look at what was written beside. What was not waits again, and from then on all is written here: that
        connection failed, or did not see our rows (each tenant's tables may be in a schema of its own).
        """
        told, self.unsettled = self.unsettled, []
        try:
            states = moves.answered(told, self.beside.rows()) if told else {}
        except DatabaseError:
            states = {}
        except BaseException:  # a worker that is told to end, too: it still writes what waits
            self.waiting = [*told, *self.waiting]
            raise
        self._learn([each for each in told if each.email_id in states], states)
        left = [each for each in told if each.email_id not in states]
        if left:
            self.waiting = [*left, *self.waiting]
            self.beside.close()
        return not left

    def _write(self, told: Sequence[Move], claim: Claim | None) -> Claimed | None:
        claimed, resets = None, self._resets(told)
        with nullcontext() if self._is_single(told, claim, resets) else atomic(Email):
            states = moves.move(told, owner=self.owner)
            tokens.handed_over([email for email in resets if email.pk in states])
            if claim:
                claimed = moves.claim(
                    owner=self.owner, ids=claim.ids, most=claim.most, lease=self.lease, blocked=claim.blocked
                )
        self._learn(told, states)
        if claimed:
            self.held |= {email.pk: email for email in claimed.emails}
        return claimed

    def _learn(self, told: Sequence[Move], states: Mapping[UUID, str]) -> None:
        self.states |= states
        self.moved += sum(each.verb != EmailVerb.RETURN for each in told if each.email_id in states)
        for each in told:
            if _is_lost(each, self.held.get(each.email_id), states):
                bell.ring("recovery.follow_up", each.email_id)
            self.held.pop(each.email_id, None)
            if each.email_id not in states:
                self.overtaken.append(each.email_id)

    def _resets(self, told: Sequence[Move]) -> list[Email]:
        """Those whose links live from now on."""
        left = [self.held.get(each.email_id) for each in told if each.verb == EmailVerb.HAND_OVER]
        return [email for email in left if email is not None and email.kind in LINK_KINDS]

    def _is_single(self, told: Sequence[Move], claim: Claim | None, resets: Sequence[Email]) -> bool:
        """Whether it is one statement: that is a transaction by itself, and on PostgreSQL two round trips fewer."""
        if not told:
            return True
        return claim is None and not resets and self._database().vendor == "postgresql"

    def _database(self) -> BaseDatabaseWrapper:
        return connections[router.db_for_write(Email)]

    def _write_patiently(self, told: Sequence[Move]) -> None:
        connection, began, pause = self._database(), time.monotonic(), FIRST_PAUSE
        while True:
            logger.warning("delivery: the database is away, %s notes wait", len(told))
            time.sleep(pause)  # a database announces to nobody that it is back
            connection.close()
            try:
                self._write(told, None)
            except (InterfaceError, OperationalError):
                if time.monotonic() - began > PATIENCE:
                    raise
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                return

    def _write_each(self, told: Sequence[Move]) -> None:
        for each in told:
            try:
                self._write([each], None)
            except (InterfaceError, OperationalError):
                raise
            except DatabaseError as error:
                logger.error("email %s could not be noted (%s)", each.email_id, type(error).__name__)
                self.refused.append(error)


def _is_lost(move: Move, email: Email | None, states: Mapping[UUID, str]) -> bool:
    """Whether this move ended a mail with links for good: the person must hear from us by another way."""
    state = states.get(move.email_id)
    is_suppressed = state == EmailState.WITHHELD and move.reason == EmailReason.SUPPRESSED
    return email is not None and email.kind in LINK_KINDS and (state in FINAL_FAILURES or is_suppressed)
