"""Under which numbers sign-ins are counted. Nobody without SECRET_KEY can aim at one or read it back."""

import hashlib
from typing import NamedTuple

from recovery import limits
from recovery.addresses import normalise
from recovery.reasons import LockKind


class Counters(NamedTuple):
    """What one sign-in is counted under."""

    kinds: tuple[str, ...]
    keys: tuple[int, ...]
    """Of each kind its counter: of the account or its known device, then of the source."""
    staff: int
    letters: str
    """Eight that stand for the name, in the names of slots."""


def counters(name: str, *, source: str = "", device: str | None = None) -> Counters:
    """For a sign-in with this name. Spellings of a name are one (``addresses.normalise``); ``source`` as
    ``Origin.source`` gives it, "": unknown, and then it is not counted.

    A known device has a counter of its own and no other: neither guessing elsewhere nor its neighbours shut it out.
    """
    own = of_name(name)
    counted: dict[str, int] = {LockKind.ACCOUNT: own}
    if device is not None:
        counted = {LockKind.DEVICE: _key(LockKind.DEVICE, device)}
    elif source:
        counted[LockKind.SOURCE] = of_source(source)
    return Counters(tuple(counted), tuple(counted.values()), shut_name(name), f"{own & 0xFFFFFFFF:08x}")


def of_name(name: str) -> int:
    """The counter of everybody who types this name."""
    return _key(LockKind.ACCOUNT, normalise(name))


def of_source(source: str) -> int:
    """The counter of everybody at this place, as ``Origin.source`` names it."""
    return _key(LockKind.SOURCE, source)


def shut_name(name: str) -> int:
    """The counter that is there while staff refuse sign-ins with this name. Of real accounts alone, so that it need not
    depend on SECRET_KEY, and outlives a change of it."""
    return _plain(f"name {normalise(name)}")


def shut_account(user_key: str) -> int:
    """The counter that is there while staff refuse sign-ins of this account, whatever its name."""
    return _plain(f"account {user_key}")


def _plain(subject: str) -> int:
    digest = hashlib.sha256(f"recovery.lockouts.shut {subject}".encode(errors="backslashreplace")).digest()
    return int.from_bytes(digest[:8], signed=True)


def _key(kind: str, subject: str) -> int:
    # Lone surrogates come from JSON and from old encodings; no name that is stored has one.
    return limits.counter_key(f"sign-in of {kind}", subject.encode(errors="backslashreplace").decode())
