"""One email, one verb: any number of them with their events, in one statement; SQLite needs a second."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from uuid import UUID

from django.db import connections
from django.db.models import BooleanField, Field, FloatField, IntegerField, TextField, UUIDField

from recovery.models.batches import fold, unfold
from recovery.models.emails import Email, EmailEvent
from recovery.models.moves import sql
from recovery.models.statements import Statement
from recovery.reasons import MOVES, STAFF_VERBS, STATE_RANK, EmailState, EmailVerb, EventKind

_WIDTHS: Final[Mapping[str, int]] = {"reason": 32, "detail": 1000, "route": 40, "esp": 40, "esp_message_id": 255}
_EVENTS: Final[Mapping[EmailVerb, EventKind]] = {
    EmailVerb.FREE: EventKind.FREED,
    EmailVerb.RETRY: EventKind.RETRIED,
    EmailVerb.RELEASE: EventKind.RELEASED,
    EmailVerb.SET_ASIDE: EventKind.SET_ASIDE,
}
"""Where the event is not simply the word of the state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One email, one verb, and what goes with it.

    Texts become one line each, cut to the width of their columns: the other side chose them, and a note must not be
    lost over one. ``event`` is a word of ``EventKind``, by default that of the verb or of the new state. ``wait``:
    seconds from now, by the database's clock, until it is due; None: not by itself. ``strikes``, ``attempts`` are added
    to the counts, which end at 0; ``doubts`` too, and None sets it to 0. ``anew``: tries and strikes count from 0.
    """

    email_id: UUID
    verb: EmailVerb
    reason: str = ""
    detail: str = ""
    event: str = ""
    wait: float | None = 0.0
    route: str = ""
    esp: str = ""
    esp_message_id: str = ""
    strikes: int = 0
    doubts: int | None = 0
    attempts: int = 0
    anew: bool = False

    def __post_init__(self) -> None:
        for name, width in _WIDTHS.items():
            text = getattr(self, name)
            if text and (len(text) > width or not text.isprintable()):
                object.__setattr__(self, name, _one_line(str(text))[:width])


def allows(email: Email, verb: EmailVerb) -> bool:
    """Whether the verb leads anywhere from where the email is now.

    What the provider has, it also tries again by itself: only what it refused for good can be put back.
    """
    from_states, _ = MOVES[verb]
    is_with_us = email.handed_over_at is None or email.state == EmailState.FAILED
    return email.state in from_states and (is_with_us or verb in (EmailVerb.HAND_OVER, EmailVerb.REPORT))


def move(moves: Sequence[Move], *, owner: UUID | None = None) -> dict[UUID, str]:
    """Write states and their events, in the caller's transaction: the same one or two statements for any number.

    Only rows from whose state the verb leads somewhere are moved and, with ``owner``, only those held by it. Returns
    the new state of each mail that moved; a mail that is not in it had moved on meanwhile. A hand-over by its owner
    is noted wherever a report brought the mail meanwhile, and keeps a higher state. Always ends the lease; events that
    end a try say when it began.
    """
    moves = list({each.email_id: each for each in moves}.values())
    if not moves:
        return {}
    connection = sql.connection()
    with connection.cursor() as cursor:
        cursor.execute(*statement(moves, owner=owner))
        rows = cursor.fetchall()
        if rows and not sql.is_postgresql():
            found = {UUID(str(key)) for key, _ in rows}
            told = fold(connection, _COLUMNS, [_told(each) for each in moves if each.email_id in found])
            cursor.execute(_events(connection.alias), [told])
    return answered(moves, rows)


def statement(moves: Sequence[Move], *, owner: UUID | None = None) -> Statement:
    """What ``move`` executes; on PostgreSQL that is all, for a caller who sends it by himself.

    One move for each mail, then ``answered`` gets what came back.
    """
    connection, keys = sql.connection(), [each.email_id for each in moves]
    told = fold(connection, _COLUMNS, map(_told, moves))
    params = [told, *([keys] * 2 if sql.is_postgresql() else []), *([sql.key(owner)] if owner else [])]
    return Statement(_statement(connection.alias, owned=owner is not None), params)


def answered(moves: Sequence[Move], rows: Iterable[Sequence[Any]]) -> dict[UUID, str]:
    """The new states by key, in the order of ``moves``; tells the site of them."""
    states = {UUID(str(key)): str(state) for key, state in rows}
    moved = {each.email_id: states[each.email_id] for each in moves if each.email_id in states}
    sql.announce(moved)
    return moved


def _column(name: str, field: "Field[Any, Any]") -> "Field[Any, Any]":
    field.set_attributes_from_name(name)
    return field


_COLUMNS: Final = [
    _column("id", UUIDField()),
    _column("from_states", TextField()),
    _column("to_state", TextField()),
    _column("reason", TextField()),
    _column("wait", FloatField()),
    _column("route", TextField()),
    _column("esp", TextField()),
    _column("esp_message_id", TextField()),
    _column("strikes", IntegerField()),
    _column("doubts", IntegerField()),
    _column("attempts", IntegerField()),
    _column("anew", BooleanField()),
    _column("event", TextField()),
    _column("detail", TextField()),
    _column("ends_try", BooleanField()),
]
_HIGHER: Final = [state for state, rank in STATE_RANK.items() if rank > STATE_RANK[EmailState.HANDED_OVER]]


def _told(each: Move) -> list[Any]:
    from_states, to_state = MOVES[each.verb]
    if to_state is None or each.verb == EmailVerb.CLAIM:
        raise ValueError(f"{each.verb} has a function of its own")
    wait = None if each.verb == EmailVerb.REST else each.wait
    hands_over = each.verb == EmailVerb.HAND_OVER
    said = [each.detail or each.esp_message_id] if hands_over else [each.reason, each.detail]
    return [
        each.email_id,
        _listed(from_states),
        str(to_state),
        "" if hands_over else each.reason,
        wait,
        each.route,
        each.esp,
        each.esp_message_id,
        each.strikes,
        None if hands_over else each.doubts,
        each.attempts,
        each.anew,
        str(each.event or _EVENTS.get(each.verb) or to_state),
        ": ".join(filter(None, said))[:1000],
        each.verb not in STAFF_VERBS,
    ]


def _listed(states: Iterable[str]) -> str:
    return f",{','.join(sorted(states))},"


@cache
def _statement(alias: str, *, owned: bool) -> str:
    connection = connections[alias]
    postgresql = sql.is_postgresql()
    # In the order of their keys, as reports lock them: two batches never wait for each other crosswise. The keys are
    # given once more as a list: how many rows JSON unfolds to, no planner knows, and it reads the whole table.
    lock = f"SELECT id FROM {sql.table()} WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
    told = f"WITH told AS {'MATERIALIZED ' if postgresql else ''}(SELECT {unfold(connection, _COLUMNS)})"
    source = f"{told}, locked AS MATERIALIZED ({lock})" if postgresql else told
    joined = "told JOIN locked USING (id)" if postgresql else "told"
    find = "strpos" if postgresql else "instr"
    hands_over = f"told.to_state = '{EmailState.HANDED_OVER}'"
    is_ours = f"e.handed_over_at IS NULL OR e.state = '{EmailState.FAILED}'"
    may = f"{find}(told.from_states, ',' || e.state || ',') > 0 AND ({is_ours} OR {hands_over})"
    update = f"""UPDATE {sql.table()} AS e SET {", ".join(_changes(hands_over))}
        FROM {joined} WHERE e.id = told.id {"AND e.id = ANY(%s)" if postgresql else ""}
        AND {f"e.lease_owner = %s AND (({may}) OR {hands_over})" if owned else may}"""
    if not postgresql:
        return f"{source} {update} RETURNING id, state"  # no alias there, nor any other table
    back = "e.id, e.state, e.claimed_at, told.event, told.detail, told.ends_try"
    noted = f"moved AS ({update} RETURNING {back}), noted AS ({_inserted('moved')})"
    return f"{source}, {noted} SELECT id, state FROM moved"


@cache
def _events(alias: str) -> str:
    told = f"WITH told AS (SELECT {unfold(connections[alias], _COLUMNS)})"
    back = "e.id, e.claimed_at, told.event, told.detail, told.ends_try"
    return f"{told} {_inserted(f'(SELECT {back} FROM told JOIN {sql.table()} AS e USING (id))')}"


_NOT_SAID: Final = ("esp", "esp_message_id", "recipient", "reject_reason", "error", "digest", "content")


def _inserted(moved: str) -> str:
    """The events of what ``moved``, each with what was told of it."""
    given = {
        "email_id": "id",
        "kind": "event",
        "occurred_at": sql.now(),
        "recorded_at": sql.now(),
        "claimed_at": "CASE WHEN ends_try THEN claimed_at END",
        "detail": "detail",
        **dict.fromkeys(_NOT_SAID, "''"),
    }
    table = sql.connection().ops.quote_name(EmailEvent._meta.db_table)
    return f"INSERT INTO {table} ({', '.join(given)}) SELECT {', '.join(given.values())} FROM {moved}"


def _changes(hands_over: str) -> list[str]:
    waits = f"told.to_state IN ({sql.words((EmailState.QUEUED, EmailState.DEFERRED, EmailState.UNKNOWN))})"
    kept = [f"{name} = CASE WHEN told.{name} = '' THEN e.{name} ELSE told.{name} END" for name in _KEPT]
    counted = [
        f"{name} = CASE WHEN told.anew THEN 0 ELSE {sql.not_below_zero(f'e.{name} + told.{change}')} END"
        for name, change in (("attempt_count", "attempts"), ("strike_count", "strikes"))
    ]
    is_new = f"told.to_state = '{EmailState.QUEUED}'"
    doubts, due = sql.not_below_zero("e.doubt_count + told.doubts"), sql.later("told.wait")
    return [
        f"state = CASE WHEN {hands_over} AND e.state IN ({sql.words(_HIGHER)}) THEN e.state ELSE told.to_state END",
        "reason = told.reason",
        f"next_try_at = CASE WHEN NOT {waits} THEN e.next_try_at WHEN told.wait IS NULL THEN NULL ELSE {due} END",
        f"doubt_count = CASE WHEN told.doubts IS NULL THEN 0 ELSE {doubts} END",
        f"handed_over_at = CASE WHEN {hands_over} THEN {sql.now()} WHEN {is_new} THEN NULL ELSE e.handed_over_at END",
        f"followed_up_at = CASE WHEN {is_new} THEN NULL ELSE e.followed_up_at END",
        *kept,
        *counted,
        "lease_owner = NULL",
        "lease_until = NULL",
    ]


_KEPT: Final = ("route", "esp", "esp_message_id")
"""What a move that says nothing of them leaves as they are."""


def _one_line(text: str) -> str:
    """Without line breaks, NUL, lone surrogates: neither a log line nor PostgreSQL can hold them."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
