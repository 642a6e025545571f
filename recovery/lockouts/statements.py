"""The SQL of the counters. Times are the database's; texts are made once for each shape.

A slot is an entry of a counter's JSON object: its name, and the second from which it counts as a failure. While its
password is judged that is ten seconds ahead; a failure sets it to now; success takes the slot out. So a worker that
died leaves a failure behind, and nobody has to notice. Names of slots begin with eight letters that stand for the name
that was typed: at a source they say whose slots they are.

Rows are written in the order in which they are named, account or device before source, so that tries that share some
never wait for each other in a circle.
"""

from functools import cache
from typing import Final, NamedTuple

from recovery.lockouts.dialects import DIALECTS, Dialect
from recovery.models import Lockout, LoginCounter
from recovery.reasons import LockKind

HELD: Final = 10  # seconds in which a password must have been judged
MOST_IN_A_ROW: Final = 100  # NIST SP 800-63B-4 section 3.2.2
LETTERS: Final = 8
LONG: Final = 90 * 86_400
"""Seconds for which a counter is kept that had five failures in a row: long, so that nobody gets past the hundred by
guessing slowly. One that had fewer is kept for ``Shape.memory``: it costs nothing to make a million of them."""
FEW: Final = 5

_COUNTERS: Final = LoginCounter._meta.db_table
_LOCKOUTS: Final = Lockout._meta.db_table


class Shape(NamedTuple):
    """What a statement is made for. Times in seconds."""

    vendor: str
    limits: tuple[tuple[str, int], ...]
    """Of each counter its kind and how many slots it has."""
    window: float
    memory: float


@cache
def take(shape: Shape) -> str:
    """Take a slot in each counter, or in none; returns the keys in which it is taken.

    Parameters: ``key0``, ``key1``, ``staff``, ``slot``, ``letters``. Whether all have room is judged as they were
    before the statement. On PostgreSQL another try may come between, and then fewer keys come back than were named.
    """
    d = DIALECTS[shape.vendor]
    return (
        f"{_insert(shape, d, d.second + f' + {HELD}')}"
        f" WHERE NOT EXISTS (SELECT 1 FROM {_COUNTERS} AS b WHERE b.key IN ({_keys(shape)}, %(staff)s)"
        f" AND (b.locked_until > {d.now} OR {_full(shape, d, 'b')}))"
        f" ON CONFLICT (key) DO UPDATE SET"
        f" slots = {d.joined.format(d.those('c.slots', _recent(shape, d)), 'excluded.slots')}, streak = c.streak + 1,"
        f" forget_at = {d.greatest}(c.forget_at, excluded.forget_at)"
        f" WHERE (c.locked_until IS NULL OR c.locked_until <= {d.now}) AND NOT {_full(shape, d, 'c')}"
        f" RETURNING key"
    )


@cache
def look(shape: Shape) -> str:
    """Of each counter key, until when it is locked (NULL: it is not), failures, held slots, tries in a row, and the
    time. Parameters: ``key0``, ``key1``, ``staff``."""
    d = DIALECTS[shape.vendor]
    return (
        f"SELECT key, CASE WHEN locked_until > {d.now} THEN locked_until END, {_standing(shape, d)}, {d.now}"
        f" FROM {_COUNTERS} WHERE key IN ({_keys(shape)}, %(staff)s)"
    )


@cache
def fail(shape: Shape) -> str:
    """The slot is a failure from now on; returns key, failures, held slots, tries in a row.

    Parameters: ``key0``, ``key1``, ``slot``. Where it is gone it stays away: that counter was locked meanwhile.
    """
    d = DIALECTS[shape.vendor]
    kept = f"CASE WHEN c.streak < {FEW} THEN excluded.forget_at ELSE {d.hour.format(LONG)} END"
    kept = _by_kind(shape, "c", source="excluded.forget_at", other=kept)
    return (
        f"{_insert(shape, d, d.second)} WHERE true"
        f" ON CONFLICT (key) DO UPDATE SET slots = {d.joined.format('c.slots', 'excluded.slots')},"
        f" forget_at = {d.greatest}(c.forget_at, {kept})"
        f" WHERE {d.has.format('c.slots', _SLOT)}"
        f" RETURNING key, {_standing(shape, d)}"
    )


@cache
def succeed(shape: Shape) -> str:
    """The slot is free, tries in a row are counted anew, and a source forgets the failures of the same name.

    Parameters: ``key0``, ``key1``, ``slot``, ``letters``, ``user``. Returns key, and whether the account ``user`` is
    shut until somebody lifts that, under whatever name that was.
    """
    d = DIALECTS[shape.vendor]
    others = f"s.key <> {_SLOT} AND (substr(s.key, 1, {LETTERS}) <> %(letters)s OR {d.held})"
    slots = _by_kind(shape, "c", source=d.those("c.slots", others), other=d.without.format("c.slots", _SLOT))
    kinds = ", ".join(f"'{kind}'" for kind in (LockKind.STAFF, *(kind for kind, _ in shape.limits)))
    return (
        f"{_insert(shape, d, d.second)} WHERE true"
        f" ON CONFLICT (key) DO UPDATE SET slots = {slots}, streak = 0,"
        f" forget_at = CASE WHEN c.locked_until > {d.now} THEN c.forget_at ELSE excluded.forget_at END"
        f" RETURNING key, EXISTS (SELECT 1 FROM {_LOCKOUTS} WHERE user_key = %(user)s AND user_key <> ''"
        f" AND lifted_at IS NULL AND until IS NULL AND kind IN ({kinds}))"
    )


@cache
def give_back(shape: Shape) -> str:
    """The slot is free, as if it had never been taken. Parameters: ``key0``, ``key1``, ``slot``."""
    d = DIALECTS[shape.vendor]
    return (
        f"{_insert(shape, d, d.second)} WHERE true"
        f" ON CONFLICT (key) DO UPDATE SET slots = {d.without.format('c.slots', _SLOT)},"
        f" streak = {d.greatest}(c.streak - 1, 0) WHERE {d.has.format('c.slots', _SLOT)}"
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
        kept = f"CASE WHEN {is_over} THEN {d.endless} ELSE {d.hour.format(LONG)} END"
        full = f"({full} OR ({is_over} AND {held} = 0))"
    return (
        f"UPDATE {_COUNTERS} SET slots = '{{}}', lock_count = {earlier} + 1, locked_until = {until}, forget_at = {kept}"
        f" WHERE key = %(key)s AND (locked_until IS NULL OR locked_until <= {d.now}) AND {full}"
        f" RETURNING locked_until, streak, {d.now}"
    )


@cache
def shut(vendor: str) -> str:
    """Lock the counter ``key`` until somebody frees it; returns the time."""
    d = DIALECTS[vendor]
    return (
        f"INSERT INTO {_COUNTERS} (key, slots, streak, lock_count, locked_until, forget_at)"
        f" VALUES (%(key)s, '{{}}', 0, 0, {d.endless}, {d.endless})"
        f" ON CONFLICT (key) DO UPDATE SET locked_until = excluded.locked_until, forget_at = excluded.forget_at"
        f" RETURNING {d.now}"
    )


def clock(vendor: str) -> str:
    """Now."""
    return f"SELECT {DIALECTS[vendor].now}"


_SLOT: Final = "CAST(%(slot)s AS text)"


def _keys(shape: Shape) -> str:
    return ", ".join(f"%(key{number})s" for number in range(len(shape.limits)))


def _insert(shape: Shape, d: Dialect, at: str) -> str:
    """A row for each key, with the slot."""
    tried = " UNION ALL ".join(f"SELECT %(key{number})s AS key" for number in range(len(shape.limits)))
    return (
        f"INSERT INTO {_COUNTERS} AS c (key, slots, streak, lock_count, forget_at)"
        f" SELECT tried.key, {d.slot.format(_SLOT, at)}, 1, 0, {d.hour.format(shape.memory)} FROM ({tried}) AS tried"
    )


def _recent(shape: Shape, d: Dialect) -> str:
    return f"{d.at} > {d.second} - {shape.window}"


def _standing(shape: Shape, d: Dialect) -> str:
    failed = f"{_recent(shape, d)} AND {d.failed}"
    return f"{d.count('slots', failed)}, {d.count('slots', d.held)}, streak"


def _full(shape: Shape, d: Dialect, row: str) -> str:
    """Whether no further try may be judged.

    Past the limit of a source, a name that slipped there once has one try more: of fifty people behind one address
    who mistype once, each gets in, and who tries other people's names is stopped all the same.
    """
    slots = f"{row}.slots"
    limits = dict(shape.limits)
    count = d.count(slots, _recent(shape, d))
    of_name = f"substr(s.key, 1, {LETTERS}) = %(letters)s AND {_recent(shape, d)}"
    failed = f"{of_name} AND {d.failed}"
    has_slipped = f"({d.count(slots, of_name)} = 1 AND {d.count(slots, failed)} = 1)"
    source = f"({count} >= {limits.get(LockKind.SOURCE, 0)} AND NOT {has_slipped})"
    own = next((most for kind, most in shape.limits if kind != LockKind.SOURCE), 0)
    return _by_kind(shape, row, source=source, other=f"({count} >= {own} OR {row}.streak >= {MOST_IN_A_ROW})")


def _by_kind(shape: Shape, row: str, *, source: str, other: str) -> str:
    kinds = [kind for kind, _ in shape.limits]
    if LockKind.SOURCE not in kinds:
        return other
    return f"(CASE WHEN {row}.key = %(key{kinds.index(LockKind.SOURCE)})s THEN {source} ELSE {other} END)"


def _after(shape: Shape, moment: str, seconds: float) -> str:
    if shape.vendor == "postgresql":
        return f"{moment} + make_interval(secs => {seconds})"
    return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', {moment}, '{seconds} seconds')"
