"""Under which numbers sign-ins are counted. Nobody without SECRET_KEY can aim at one or read it back."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from recovery import limits
from recovery.accounts import one_spelling
from recovery.reasons import LockKind


class Counter(NamedTuple):
    """One of those that a sign-in is counted under."""

    kind: str
    key: int
    name: int = 0
    """Of an account or a device the number of the name that it is counted for, as ``of_name`` gives it."""
    user_key: str = ""
    """Whose it is, where that was known before anything was counted."""


class Counters(NamedTuple):
    """What one sign-in is counted under."""

    each: tuple[Counter, ...]
    """Of accounts or their known devices in the order of their keys, then of the source."""
    staff: tuple[int, ...]
    letters: str
    """Eight that stand for the name, in the names of slots."""


class Meant(NamedTuple):
    """An account that a name may mean, by its user name, and this browser as a known device of it."""

    name: str
    device: str | None = None
    user_key: str = ""


def counters(name: str, *, source: str = "", device: str | None = None) -> Counters:
    """For a sign-in with this name. Spellings of a name are one (``accounts.one_spelling``); ``source`` as
    ``Origin.source`` gives it, "": unknown, and then it is not counted.

    A known device has a counter of its own and no other: neither guessing elsewhere nor its neighbours shut it out.
    """
    return of_all([Meant(name, device)], source=source)


def of_all(meant: Sequence[Meant], *, source: str = "") -> Counters:
    """For a sign-in with a name that may mean any of these: whoever tries is judged as each of them, and counted so."""
    spelled = [one_spelling(one.name) for one in meant]
    names = [_key(LockKind.ACCOUNT, name) for name in spelled]
    own = {counter.key: counter for counter in map(_own, reversed(meant), reversed(names))}
    each = [own[key] for key in sorted(own)]
    if source and any(one.device is None for one in meant):
        each.append(Counter(LockKind.SOURCE, of_source(source)))
    staff = tuple(sorted({_shut_name(name) for name in spelled}))
    return Counters(tuple(each), staff, _letters(names[0]))


def _own(meant: Meant, name: int) -> Counter:
    if meant.device is not None:
        return Counter(LockKind.DEVICE, _key(LockKind.DEVICE, meant.device), name, meant.user_key)
    return Counter(LockKind.ACCOUNT, name, name, meant.user_key)


def of_name(name: str) -> int:
    """The counter of everybody who types this name."""
    return _key(LockKind.ACCOUNT, one_spelling(name))


def letters_of(name: str) -> str:
    """Eight that stand for this name, in the names of slots."""
    return _letters(of_name(name))


def of_source(source: str) -> int:
    """The counter of everybody at this place, as ``Origin.source`` names it."""
    return _key(LockKind.SOURCE, source)


def shut_name(name: str) -> int:
    """The counter that is there while staff refuse sign-ins with this name. Of real accounts alone, so that it need not
    depend on SECRET_KEY, and outlives a change of it."""
    return _shut_name(one_spelling(name))


def shut_account(user_key: str) -> int:
    """The counter that is there while staff refuse sign-ins of this account, whatever its name."""
    return _plain(f"account {user_key}")


def _letters(name: int) -> str:
    return f"{name & 0xFFFFFFFF:08x}"


def _shut_name(spelled: str) -> int:
    return _plain(f"name {spelled}")


def _plain(subject: str) -> int:
    digest = hashlib.sha256(f"recovery.lockouts.shut {subject}".encode(errors="backslashreplace")).digest()
    return int.from_bytes(digest[:8], signed=True)


def _key(kind: str, subject: str) -> int:
    # Lone surrogates come from JSON and from old encodings; no name that is stored has one.
    return limits.counter_key(f"sign-in of {kind}", subject.encode(errors="backslashreplace").decode())
