"""The SQL of the counters. Times are the database's; texts are made once for each shape.

A slot is an entry of a counter's JSON object: its name, and the second from which it counts as a failure. While its
password is judged that is ten seconds ahead; a failure sets it to now; success takes the slot out. So a worker that
died leaves a failure behind, and nobody has to notice. Names of slots begin with eight letters that stand for the name
that was typed: at a source they say whose slots they are. Ten that nobody can guess follow, then the client address:
who is locked reads where the failures came from. ``taken`` is how many slots there are, ``failed`` how many were
settled as failures: what decides nearly always, so that PostgreSQL need not plan how to read the slots. They only err
by counting too many, and who is refused for it looks.

Rows are written in the order in which they are named, account or device before source, so that tries that share some
never wait for each other in a circle.
"""

from functools import cache
from typing import Final, NamedTuple

from recovery import devices
from recovery.lockouts.dialects import DIALECTS, Dialect
from recovery.models import LoginCounter
from recovery.reasons import LockKind

HELD: Final = 10  # seconds in which a password must have been judged
MOST_IN_A_ROW: Final = 100  # NIST SP 800-63B-4 section 3.2.2
LETTERS: Final = 8
RANDOM: Final = 10
MOST_SOURCES: Final = 20
LONG: Final = 90 * 86_400
"""Seconds for which a counter is kept that had five failures in a row. One that had fewer is kept for ``Shape.memory``:
it costs nothing to make a million of them. Whether an account's goes then is asked in ``forgetting``."""
FEW: Final = 5
COOKIE: Final = devices.LIFE.total_seconds()
"""For so long, from the first failure, the counter of a known device is kept: nobody has one for nothing, and nobody
can tell by its key whether the cookie is good any more."""

_COUNTERS: Final = LoginCounter._meta.db_table


class Shape(NamedTuple):
    """What a statement is made for. Times in seconds."""

    vendor: str
    limits: tuple[tuple[str, int], ...]
    """Of each counter its kind and how many slots it has."""
    window: float
    memory: float
    names: int = 1
    """How many names staff may have shut."""


@cache
def take(shape: Shape) -> str:
    """Take a slot in each counter, or in none; returns the keys in which it is taken.

    Parameters: ``key0``, ``key1``, ``staff0``, ``slot``. Whether all have room is judged as they were before the
    statement. On PostgreSQL another try may come between, and then fewer keys come back than were named.
    """
    d = DIALECTS[shape.vendor]
    tried = ", ".join(
        f"(%(key{number})s, {_in_a_row(kind)}, {_kept(shape, kind)})" for number, (kind, _) in enumerate(shape.limits)
    )
    slot = d.slot.format(_SLOT, f"{d.second} + {HELD}")
    return (
        f"INSERT INTO {_COUNTERS} AS c ({_COLUMNS})"
        f" SELECT tried.column1, {slot}, 1, 0, tried.column2, 0, tried.column3 FROM (VALUES {tried}) AS tried"
        f" WHERE NOT EXISTS (SELECT 1 FROM {_COUNTERS} AS b WHERE b.key IN ({_keys(shape)}, {_names(shape)})"
        f" AND (b.locked_until > {d.now} OR {_full(shape, 'b')}))"
        f" ON CONFLICT (key) DO UPDATE SET"
        f" slots = {d.joined.format('c.slots', 'excluded.slots')}, taken = c.taken + 1,"
        f" streak = c.streak + excluded.streak,"
        f" forget_at = {d.greatest}(c.forget_at, excluded.forget_at)"
        f" WHERE (c.locked_until IS NULL OR c.locked_until <= {d.now}) AND NOT {_full(shape, 'c')}"
        f" RETURNING key{d.hastily}"
    )


@cache
def look(shape: Shape) -> str:
    """Of each counter all that decides; in the order of ``counting.Seen``. Parameters: ``key0``, ``key1``,
    ``staff0``, ``letters``."""
    d = DIALECTS[shape.vendor]
    failed, of_name = f"{_recent(shape, d)} AND {d.failed}", f"substr(s.key, 1, {LETTERS}) = %(letters)s"
    return (
        f"SELECT key, CASE WHEN locked_until > {d.now} THEN locked_until END, taken, streak,"
        f" {d.count('slots', failed)}, {d.count('slots', d.held)}, {d.count('slots', f'{failed} AND {of_name}')},"
        f" {d.count('slots', f'{d.held} AND {of_name}')}, {d.now}"
        f" FROM {_COUNTERS} WHERE key IN ({_keys(shape)}, {_names(shape)})"
    )


@cache
def prune(shape: Shape) -> str:
    """Leave out what is older than the window. Parameter: ``key``."""
    d = DIALECTS[shape.vendor]
    recent = _recent(shape, d)
    return (
        f"UPDATE {_COUNTERS} SET slots = {d.those('slots', recent)}, taken = {d.count('slots', recent)},"
        f" failed = {d.count('slots', f'{recent} AND {d.failed}')} WHERE key = %(key)s RETURNING key{d.hastily}"
    )


@cache
def fail(shape: Shape) -> str:
    """The slot is a failure from now on; returns key, failures, tries in a row. Some of the failures may be old.

    Parameters: ``key0``, ``key1``, ``slot``. Where it is gone it stays away: that counter was locked meanwhile.
    """
    d = DIALECTS[shape.vendor]
    return (
        f"{_insert(shape, d, d.second, failed=1)}"
        f" ON CONFLICT (key) DO UPDATE SET slots = {d.joined.format('c.slots', 'excluded.slots')},"
        f" failed = c.failed + 1 WHERE {d.has.format('c.slots', _SLOT)} RETURNING key, failed, streak{d.hastily}"
    )


@cache
def succeed(shape: Shape) -> str:
    """The slot is free, and its try is none of the row. Parameters: ``key0``, ``key1``, ``slot``, ``shut``.

    Returns key, failures, how many tries of the row are not being judged (failures, locks have not taken them), and
    whether there is the counter ``shut``. A slot that is gone is left out.
    """
    d = DIALECTS[shape.vendor]
    return (
        f"{_give_back(shape, d)}, failed, streak - taken + failed,"
        f" EXISTS (SELECT 1 FROM {_COUNTERS} WHERE key = %(shut)s){d.hastily}"
    )


@cache
def begin_anew(shape: Shape) -> str:
    """The failures of the counter ``key`` are none of a row any more, and need not be kept for long."""
    d = DIALECTS[shape.vendor]
    return (
        f"UPDATE {_COUNTERS} SET streak = {d.greatest}(taken - failed, 0), forget_at = {d.hour.format(shape.memory)}"
        f" WHERE key = %(key)s AND (locked_until IS NULL OR locked_until <= {d.now}) RETURNING key{d.hastily}"
    )


@cache
def give_back(shape: Shape) -> str:
    """The slot is free, as if it had never been taken. Parameters: ``key0``, ``key1``, ``slot``."""
    d = DIALECTS[shape.vendor]
    return f"{_give_back(shape, d)}{d.hastily}"


@cache
def keep(shape: Shape) -> str:
    """Remember the counter ``key`` for long: it had several failures in a row."""
    d = DIALECTS[shape.vendor]
    return (
        f"UPDATE {_COUNTERS} SET forget_at = {d.greatest}(forget_at, {d.hour.format(LONG)}) WHERE key = %(key)s"
        f" RETURNING key{d.hastily}"
    )


@cache
def forgive(shape: Shape) -> str:
    """Forget the failures of one name at a source. Parameters: ``key``, ``letters``."""
    d = DIALECTS[shape.vendor]
    others = f"(substr(s.key, 1, {LETTERS}) <> %(letters)s OR {d.held})"
    return (
        f"UPDATE {_COUNTERS} SET slots = {d.those('slots', others)}, taken = {d.count('slots', others)},"
        f" failed = {d.count('slots', f'{others} AND {d.failed}')} WHERE key = %(key)s RETURNING key{d.hastily}"
    )


@cache
def sources(shape: Shape) -> str:
    """The client addresses that most failures of the counter ``key`` came from, each with how many."""
    d = DIALECTS[shape.vendor]
    return (
        f"SELECT substr(s.key, {LETTERS + RANDOM + 1}), count(*) FROM {_COUNTERS}, {d.each.format('slots')} AS s"
        f" WHERE {_COUNTERS}.key = %(key)s AND {_recent(shape, d)} AND {d.failed}"
        f" GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_SOURCES}"
    )


@cache
def lock(shape: Shape, kind: str, waits: tuple[float, ...], quiet: float) -> str:
    """Lock the counter ``key`` if it is full of failures; returns until when, how many failures that were, tries in a
    row, the time. The failures are counted anew after it.

    ``waits`` are those of the first lock, the second and so on, which begin anew ``quiet`` seconds after the last.
    """
    d = DIALECTS[shape.vendor]
    most = dict(shape.limits)[kind]
    failures, held = d.count("slots", f"{_recent(shape, d)} AND {d.failed}"), d.count("slots", d.held)
    earlier = (
        f"CASE WHEN locked_until IS NULL OR {_after(shape, 'locked_until', quiet)} < {d.now} THEN 0 ELSE lock_count END"
    )
    steps = " ".join(f"WHEN {number} THEN {wait}" for number, wait in enumerate(waits[:-1]))
    wait = f"CASE {earlier} {steps} ELSE {waits[-1]} END" if steps else str(waits[-1])
    until, kept, full = d.later.format(wait), d.hour.format(shape.memory), f"{failures} >= {most}"
    if kind != LockKind.SOURCE:
        is_over = f"streak >= {MOST_IN_A_ROW}"
        until = f"CASE WHEN {is_over} THEN {d.endless} ELSE {until} END"
        kept = f"CASE WHEN {is_over} THEN {d.endless} ELSE {d.greatest}(forget_at, {d.hour.format(LONG)}) END"
        full = f"({full} OR ({is_over} AND {held} = 0))"
    return (
        f"UPDATE {_COUNTERS} SET slots = '{{}}', taken = 0, failed = 0, lock_count = {earlier} + 1,"
        f" locked_until = {until}, forget_at = {kept}"
        f" WHERE key = %(key)s AND (locked_until IS NULL OR locked_until <= {d.now}) AND {full}"
        f" RETURNING locked_until, streak, {d.now}"
    )


@cache
def shut(vendor: str) -> str:
    """Lock the counter ``key`` until somebody frees it; returns the time."""
    d = DIALECTS[vendor]
    return (
        f"INSERT INTO {_COUNTERS} (key, slots, taken, failed, streak, lock_count, locked_until, forget_at)"
        f" VALUES (%(key)s, '{{}}', 0, 0, 0, 0, {d.endless}, {d.endless})"
        f" ON CONFLICT (key) DO UPDATE SET locked_until = excluded.locked_until, forget_at = excluded.forget_at"
        f" RETURNING {d.now}"
    )


def clock(vendor: str) -> str:
    """Now."""
    return f"SELECT {DIALECTS[vendor].now}"


_COLUMNS: Final = "key, slots, taken, failed, streak, lock_count, forget_at"
_SLOT: Final = "CAST(%(slot)s AS text)"


def _keys(shape: Shape) -> str:
    return ", ".join(f"%(key{number})s" for number in range(len(shape.limits)))


def _names(shape: Shape) -> str:
    return ", ".join(f"%(staff{number})s" for number in range(shape.names))


def _in_a_row(kind: str) -> int:
    """How much a try adds to the row. A source has none."""
    return int(kind != LockKind.SOURCE)


def _kept(shape: Shape, kind: str) -> str:
    """Until when a counter of this kind is kept after a try."""
    memory = max(shape.memory, COOKIE) if kind == LockKind.DEVICE else shape.memory
    return DIALECTS[shape.vendor].hour.format(memory)


def _give_back(shape: Shape, d: Dialect) -> str:
    return (
        f"{_insert(shape, d)}"
        f" ON CONFLICT (key) DO UPDATE SET slots = {d.without.format('c.slots', _SLOT)}, taken = c.taken - 1,"
        f" streak = {d.greatest}(c.streak - 1, 0) WHERE {d.has.format('c.slots', _SLOT)} RETURNING key"
    )


def _insert(shape: Shape, d: Dialect, at: str = "", *, failed: int = 0) -> str:
    """A row for each key, with the slot if it says when; else with none."""
    slots, taken = (d.slot.format(_SLOT, at), 1) if at else ("'{}'", 0)
    rows = ", ".join(
        f"(%(key{number})s, {slots}, {taken}, {failed}, {taken * _in_a_row(kind)}, 0, {_kept(shape, kind)})"
        for number, (kind, _) in enumerate(shape.limits)
    )
    return f"INSERT INTO {_COUNTERS} AS c ({_COLUMNS}) VALUES {rows}"


def _recent(shape: Shape, d: Dialect) -> str:
    return f"{d.at} > {d.second} - {shape.window}"


def _full(shape: Shape, row: str) -> str:
    """Whether no further slot may be taken before somebody has looked. Some slots may be old."""
    first, *others = [
        f"{row}.taken >= {most}" + (f" OR {row}.streak >= {MOST_IN_A_ROW}" if kind != LockKind.SOURCE else "")
        for kind, most in shape.limits
    ]
    cases = "".join(f" WHEN %(key{number})s THEN {full}" for number, full in enumerate(others, 1))
    return f"(CASE {row}.key{cases} ELSE {first} END)" if cases else f"({first})"


def _after(shape: Shape, moment: str, seconds: float) -> str:
    if shape.vendor == "postgresql":
        return f"{moment} + make_interval(secs => {seconds})"
    return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', {moment}, '{seconds} seconds')"
