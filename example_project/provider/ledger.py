"""What the provider remembers: every call, every accepted mail, every event of it. In memory, for any thread to read.

For tests the ledger, not the sender's database, is the truth for "lost" and "doubled". As JSON it carries a hash in
place of the bodies, which hold links that nobody but the recipient should see.
"""

import hashlib
import threading
import time
import uuid
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from example_project.provider.fates import Fate, Record


@dataclass(frozen=True)
class Event:
    """One thing that happened to a mail, and how the site answered when told (0 while it has not answered)."""

    record: Record
    recipient: str
    at: datetime
    answer: int = 0
    tries: int = 0


@dataclass
class Message:
    """One accepted mail, as one API call brought it."""

    sender: str
    recipients: list[str]
    subject: str
    text: str
    html: str
    metadata: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    tag: str = ""
    stream: str = "outbound"
    track_opens: bool = False
    track_links: str = "None"
    fates: dict[str, Fate] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    arrived_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    events: list[Event] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What stays the same when a mail is sent twice: the sender's own Message-ID, else its metadata."""
        own = {name.lower(): value for name, value in self.headers.items()}.get("message-id")
        return own or repr(sorted(self.metadata.items()))

    @property
    def body_hash(self) -> str:
        return hashlib.sha256(f"{self.subject}\0{self.text}\0{self.html}".encode()).hexdigest()

    @property
    def latest(self) -> Event | None:
        return self.events[-1] if self.events else None

    @property
    def is_waiting(self) -> bool:
        """Whether an event is still to come."""
        return len(self.events) < sum(len(fate.steps) for fate in self.fates.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "key": self.key,
            "sender": self.sender,
            "recipients": self.recipients,
            "subject": self.subject,
            "metadata": self.metadata,
            "headers": self.headers,
            "tag": self.tag,
            "stream": self.stream,
            "track_opens": self.track_opens,
            "track_links": self.track_links,
            "body_hash": self.body_hash,
            "arrived_at": self.arrived_at.isoformat(),
            "events": [{**asdict(event), "at": event.at.isoformat()} for event in self.events],
        }


@dataclass(frozen=True)
class Call:
    """One call of the API, whatever came of it; a call of ``/email/batch`` may bring many mails.

    ``key`` is the caller's idempotency key.
    """

    path: str
    status: int
    accepted: int
    fault: str
    at: datetime
    key: str = ""


class Ledger:
    """The memory. ``messages`` and ``calls`` are snapshots, oldest first.

    ``repeats`` counts the calls that a provider that honours keys knew already.
    """

    def __init__(self) -> None:
        self._messages: dict[str, Message] = {}
        self._calls: list[Call] = []
        self.repeats = 0
        self._changed = threading.Condition()

    @property
    def messages(self) -> list[Message]:
        with self._changed:
            return list(self._messages.values())

    @property
    def calls(self) -> list[Call]:
        with self._changed:
            return list(self._calls)

    def accept(self, message: Message) -> None:
        with self._changed:
            self._messages[message.id] = message
            self._changed.notify_all()

    def note_call(self, path: str, *, status: int, accepted: int, fault: str, key: str = "") -> None:
        with self._changed:
            self._calls.append(Call(path, status, accepted, fault, datetime.now(UTC), key))
            self._changed.notify_all()

    def note_event(self, message: Message, event: Event) -> None:
        """Adds the event, or takes the place of the same event noted before its answer was known."""
        with self._changed:
            for index, known in enumerate(message.events):
                if (known.record, known.recipient, known.at) == (event.record, event.recipient, event.at):
                    message.events[index] = event
                    break
            else:
                message.events.append(event)
            self._changed.notify_all()

    def note_repeat(self) -> None:
        with self._changed:
            self.repeats += 1

    def counts(self) -> dict[str, int]:
        """How often each mail was accepted, by what stays the same when one is sent twice."""
        return Counter(message.key for message in self.messages)

    def find(self, message_id: str) -> Message | None:
        with self._changed:
            return self._messages.get(message_id)

    def to(self, recipient: str) -> list[Message]:
        """The mails to one address, oldest first."""
        wanted = recipient.lower()
        return [m for m in self.messages if wanted in (address.lower() for address in m.recipients)]

    def wait_for(self, recipient: str, *, count: int = 1, seconds: float = 10.0) -> list[Message]:
        """The mails to an address as soon as there are ``count`` of them; what there is when the time has passed."""
        deadline = time.monotonic() + seconds
        while len(found := self.to(recipient)) < count and (left := deadline - time.monotonic()) > 0:
            with self._changed:
                self._changed.wait(min(left, 0.05))
        return found

    def clear(self) -> None:
        with self._changed:
            self._messages.clear()
            self._calls.clear()
            self.repeats = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "messages": [message.as_json() for message in self.messages],
            "calls": [{**asdict(call), "at": call.at.isoformat()} for call in self.calls],
        }
