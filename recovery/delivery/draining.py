"""The loop that empties the queue: note what came back, claim what fits, check, render, hand out.

One thread does all SQL, whoever called; other threads only speak to the network. What a killed worker leaves behind
is bounded: claims are committed before anything is sent, and never are more mails sent and not yet noted than there
are connections. Claims reach a quarter of a second ahead and no further, so that what is urgent soon has its turn.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from queue import Empty, SimpleQueue
from threading import Event
from typing import Final
from uuid import UUID, uuid4

from django.db import connections

from recovery import link_lives
from recovery.delivery import checking, composing, judging, senders
from recovery.delivery.held import Held, Result
from recovery.delivery.noting import Claim, Notes
from recovery.delivery.pace import Pace
from recovery.delivery.ways import Ways
from recovery.models import Email
from recovery.models.moves import Claimed, Move
from recovery.reasons import TryOutcome
from recovery.routes import Tried

LEASE: Final = timedelta(seconds=90)
OVERTIME: Final = 0.5  # seconds past the end in which what is claimed may still leave
GLANCE: Final = 0.5  # seconds to wait for an answer before looking for urgent mail again
LONGEST_RETURN: Final = 5.0  # seconds until a mail without a way out is looked at again


@dataclass(frozen=True, slots=True)
class Drained:
    """How many mails were dealt with, and whether mail that is due was left because time was up."""

    tried: int
    left: bool


class Drain:
    """One run of the loop. ``wanted``: only these mails; else all that is due, the urgent first."""

    def __init__(
        self,
        wanted: Sequence[UUID] | None = None,
        *,
        seconds: float | None = None,
        between: Callable[[], object] | None = None,
        stop: Event | None = None,
    ) -> None:
        self.wanted = None if wanted is None else deque(dict.fromkeys(wanted))
        self.is_single = self.wanted is not None and len(self.wanted) == 1
        self.until = None if seconds is None else time.monotonic() + seconds
        self.between, self.between_at = between, float("-inf")
        self.stop = stop or Event()
        self.stock: deque[Held] = deque()  # claimed and checked
        self.empty_until = 0.0  # nothing was due; while mail is on its way, that is not asked again at once
        self.only_trials = False  # no route is in use: each mail that is claimed tries one
        self.out = 0  # sent or being sent, and not noted
        self.results: SimpleQueue[Result] = SimpleQueue()
        self.notes = Notes(owner=uuid4(), lease=LEASE)
        self.ways = Ways()
        self.pace = Pace()
        self.lines = senders.Lines()
        self.lives: dict[str, timedelta] = {}  # of links, by audience
        self.pool: ThreadPoolExecutor | None = None

    def run(self) -> Drained:
        try:
            while self._goes_on():
                pass
        finally:
            self._end()
        left = self._is_over() and Email.objects.due().exists()
        return Drained(tried=self.notes.moved, left=left)

    def _goes_on(self) -> bool:
        """Once round; False when there is nothing left to do or to wait for."""
        self._meanwhile()
        results = self._came_back()
        self._judge(results)
        claim, began = self._next_claim(), time.monotonic()
        claimed = None
        if claim is None and self._is_busy():
            self.notes.commit_beside()
        else:
            claimed = self.notes.commit(claim)
        self.ways.tell_successes(results)
        if claimed and claimed.emails:
            self._check(claimed, ends=began + LEASE.total_seconds())
        elif claim and self.wanted is None:
            self.empty_until = began + GLANCE
        if self._is_over(by=OVERTIME):
            self._give_back()
        self._hand_out()
        return bool(self.out or self.stock or self.notes.waiting or self.wanted)

    def _meanwhile(self) -> None:
        now = time.monotonic()
        if self.between and now - self.between_at >= 1 and not self._is_over():
            self.between_at = now
            self.between()

    def _came_back(self) -> list[Result]:
        """What was answered since the last time; waits for it where there is nothing else to do."""
        results = list[Result]()
        is_idle = not self.notes.waiting and (not self.stock or self.out >= self.ways.senders)
        try:
            if self.out and is_idle:
                results.append(self.results.get(timeout=GLANCE))
            while True:
                results.append(self.results.get_nowait())
        except Empty:
            pass
        self.out -= len(results)
        for result in results:
            if result.tries:
                self.pace.learn(result.seconds)
        return results

    def _judge(self, results: Sequence[Result]) -> None:
        self.ways.tell_failures(results)
        self.notes.add(judging.judge(result, shut=self.ways.shut) for result in results)

    def _next_claim(self) -> Claim | None:
        """As many as will leave soon; None while enough is claimed, time is up or no route is open."""
        if self._is_over() or self._room() <= 0 or (self.wanted is not None and not self.wanted):
            return None
        if self.out and time.monotonic() < self.empty_until:
            return None
        reach = self.ways.look()
        room = self._room() if reach.most is None else min(self._room(), reach.most - self.out)
        self.only_trials = reach.most is not None
        if reach.none and self.wanted:
            self.wanted.clear()
        if reach.none or room <= 0:
            return None
        if self.wanted is None:
            return Claim(None, room, reach.blocked)
        ids = [self.wanted.popleft() for _ in range(min(room, len(self.wanted)))]
        return Claim(ids, len(ids), reach.blocked)

    def _room(self) -> int:
        ahead = self.pace.ahead(self.ways.senders)
        # Threads must not run dry during a claim; where this thread sends itself, nothing waits for it.
        enough = self.ways.senders - 1 if self.pace.is_quick else ahead // 2
        if len(self.stock) > enough:
            return 0
        return self.ways.senders + ahead - self.out - len(self.stock)

    def _check(self, claimed: Claimed, *, ends: float) -> None:
        held = [Held(email, ends) for email in claimed.emails]
        for each in held if self.only_trials else held[-1:]:
            each.may_probe = True
        try:
            ready, moves = checking.check(held, claimed.at)
        except BaseException:  # a worker that is told to end, too: nobody is to wait for these leases to run out
            self.notes.add(judging.give_back(each) for each in held)
            raise
        if doors := {each.email.audience for each in ready if each.links}:
            self.lives |= link_lives.lifetimes(doors)
        self.stock.extend(ready)
        self.notes.add(moves)

    def _is_busy(self) -> bool:
        """Whether this thread sends so much mail itself that half is noted while half is sent. The notes of resets tell
        their links as well, and resets come first. Not while a thread still waits for an answer."""
        is_much = self.pace.is_quick and not self.out and len(self.stock) > self.ways.senders > 1
        return is_much and not self.stock[0].links and self.notes.beside.is_possible()

    def _hand_out(self) -> None:
        """Give mail to the senders, as much as is free; or send it here."""
        most = self.ways.senders - len(self.notes.unsettled)
        if self._is_busy():
            most = min(most, self.ways.senders // 2)
        while self.stock and self.out < most:
            held = self.stock.popleft()
            if move := self._prepared(held):
                self.notes.add([move])
            elif self.is_single or self.ways.most == 1 or self.pace.is_quick:
                self.results.put(senders.send(held, self.lines, self.ways.is_shut))
                self.out += 1
            else:
                self.pool = self.pool or ThreadPoolExecutor(self.ways.most, "recovery-sender")
                try:
                    self.pool.submit(self._send, held)
                except BaseException:
                    self.stock.append(held)  # no thread can be started any more: it goes back with the others
                    raise
                self.out += 1

    def _prepared(self, held: Held) -> Move | None:
        """Make its message and its plan; the move it makes instead where that cannot be."""
        if held.stop:
            return None
        if move := composing.compose(held, life=self.lives.get(held.email.audience)):
            return move
        held.plan = self.ways.plan(held)
        if held.plan or held.ask_at:
            return None
        return judging.give_back(held, seconds=judging.between(1, LONGEST_RETURN))

    def _send(self, held: Held) -> None:
        """In a sender's thread: whatever happens there, an answer comes back."""
        try:
            result = senders.send(held, self.lines, self.ways.is_shut)
        except BaseException as error:  # noqa: BLE001 - told as an answer: nobody else would hear of it
            first = held.plan[0].name if held.plan else ""
            result = Result(held, [Tried(TryOutcome.AMBIGUOUS, first, detail=type(error).__name__)])
        finally:
            connections.close_all()  # a site's own mail backend may have opened one
        self.results.put(result)

    def _give_back(self) -> None:
        self.notes.add(judging.give_back(held) for held in self.stock)
        self.stock.clear()

    def _is_over(self, *, by: float = 0.0) -> bool:
        """Whether time is up, by so many seconds. Whoever stops us wants what is claimed to go back at once."""
        return self.stop.is_set() or (self.until is not None and time.monotonic() >= self.until + by)

    def _end(self) -> None:
        """Wait for what is being sent, and note it, whatever ended the loop."""
        if self.pool:
            self.pool.shutdown()
        results = self._came_back()
        self._judge(results)
        self._give_back()
        try:
            self.notes.commit()
            self.ways.tell_successes(results)
        finally:
            self.notes.beside.close()
            self.lines.close()
