"""The way back: a thread that posts each event when its time has come, and again while the site does not take it.

As with Postmark, a 403 ends the tries for an event and anything else but 200 is tried again, though within seconds.
"""

import base64
import heapq
import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from example_project.provider import postmark
from example_project.provider.fates import DELIVERED, Record
from example_project.provider.ledger import Event, Ledger, Message

TRIES = 20
LONGEST_WAIT = 5.0
PATIENCE = 10.0


@dataclass(frozen=True)
class _Due:
    message: Message
    record: Record
    recipient: str
    event: Event | None = None
    body: bytes = b""


class Callbacks:
    """The queue and its thread. ``where`` is asked before every try: the site may be named after the start."""

    def __init__(self, ledger: Ledger, where: Callable[[], tuple[str, str] | None]) -> None:
        self._ledger = ledger
        self._where = where
        self._queue: list[tuple[float, int, _Due]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._reporting = False
        self._thread = threading.Thread(target=self._run, name="provider-callbacks", daemon=True)
        self._thread.start()

    def expect(self, message: Message, pace: float) -> None:
        """Plans what the fates of a mail's recipients will bring."""
        for recipient, chosen in message.fates.items():
            is_over = chosen.once and len(self._ledger.to(recipient)) > 1
            for step in (DELIVERED if is_over else chosen).steps:
                self._put(step.after * pace, _Due(message, step.record, recipient))

    def now(self, message: Message, record: Record, recipient: str) -> None:
        self._put(0, _Due(message, record, recipient))

    def settle(self, seconds: float) -> bool:
        """Wait until nothing is planned any more, not even another try; False if that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._reporting, seconds)

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join(timeout=2)

    def _put(self, seconds: float, due: _Due) -> None:
        with self._changed:
            heapq.heappush(self._queue, (time.monotonic() + seconds, next(self._order), due))
            self._changed.notify_all()

    def _run(self) -> None:
        while (due := self._next()) is not None:
            self._report(due)
            with self._changed:
                self._reporting = False
                self._changed.notify_all()

    def _next(self) -> _Due | None:
        """The next event whose time has come; None once stopped."""
        with self._changed:
            while not self._stopped:
                if not self._queue:
                    self._changed.wait()
                elif (wait := self._queue[0][0] - time.monotonic()) > 0:
                    self._changed.wait(wait)
                else:
                    self._reporting = True
                    return heapq.heappop(self._queue)[2]
        return None

    def _report(self, due: _Due) -> None:
        """One try. The body is made once: a repeated event is the same event, with the same id and time."""
        event = due.event or Event(due.record, due.recipient, datetime.now(UTC))
        body = due.body or json.dumps(postmark.event(due.record, due.message, due.recipient, event.at)).encode()
        self._ledger.note_event(due.message, event)
        where = self._where()
        if where is None:
            return
        answer = _post(*where, body)
        event = replace(event, answer=answer, tries=event.tries + 1)
        self._ledger.note_event(due.message, event)
        if answer not in (200, 403) and event.tries < TRIES:
            wait = min(LONGEST_WAIT, 0.25 * 2 ** (event.tries - 1))
            self._put(wait, replace(due, event=event, body=body))


def _post(url: str, secret: str, body: bytes) -> int:
    """The status of the site's answer; 0 when it could not be reached."""
    parts = urlsplit(url)
    headers = {"Content-Type": "application/json", "User-Agent": "Postmark"}
    if secret:
        headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=PATIENCE)
    try:
        connection.request("POST", parts.path or "/", body, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
