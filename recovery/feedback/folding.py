"""Emails brought to what was told of them, whatever its order, and who hears of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from recovery import bell, tokens
from recovery.feedback.judging import Told
from recovery.models import Email, moves
from recovery.models.moves import Known
from recovery.models.statements import Statement
from recovery.reasons import EVENT_STATE, LINK_KINDS, STATE_RANK, EmailKind, EmailState, EventKind

FOLLOWED: Final = LINK_KINDS | {EmailKind.SUPPORT_CASE}
FAILURES: Final = frozenset({EmailState.BOUNCED, EmailState.FAILED})

_HANDED_OVER: Final = str(EmailState.HANDED_OVER)
_STATES: Final = {str(kind): str(state) for kind, state in EVENT_STATE.items()}
_RANKS: Final = {str(state): rank for state, rank in STATE_RANK.items()}


@dataclass(slots=True)
class Batch:
    """What is to be written about one batch, and who is to be told."""

    facts: list[list[Any]] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    moved: list[Known] = field(default_factory=list)
    left: list[Email] = field(default_factory=list)
    failed: list[UUID] = field(default_factory=list)


def fold(told: Sequence[Told], batch: Batch) -> None:
    """Bring the emails to what was told of them."""
    by_email: dict[str, tuple[Known, list[Told]]] = {}
    for each in told:
        if email := each.at.email:
            by_email.setdefault(email.key, (email, []))[1].append(each)
    for email, reports in by_email.values():
        was, is_early = email.state, email.handed_over_at is None
        if changed := _learn(email, reports):
            batch.facts.append([email.key, *_facts(email)])
            batch.changed |= changed
        if is_early and email.kind in LINK_KINDS:
            batch.left.append(Email(id=email.id))
        if email.state != was:
            batch.moved.append(email)
            if email.state in FAILURES and email.kind in FOLLOWED:
                batch.failed.append(email.id)


def write(batch: Batch, further: Sequence[Statement]) -> None:
    moves.report(batch.facts, changed=batch.changed, moved=batch.moved, further=further)
    tokens.handed_over(batch.left)  # nobody else will say so: whoever sent these died before the note, or is about to
    bell.ring_each("recovery.follow_up", batch.failed)


_facts: Final = attrgetter(*moves.FACTS)


def _learn(email: Known, told: Sequence[Told]) -> set[str]:
    """Set on the object what these reports say; which of its facts that changed. The highest rank wins, whatever came
    first.

    That a provider speaks of the mail at all proves that it has it: a worker that died before its note, or
    is about to write it, must not send the mail again.
    """
    found: dict[str, Any] = {"reason": ""}  # of a setback that is over
    kinds = [each.report.kind for each in told]
    states = [email.state, _HANDED_OVER, *[_STATES[kind] for kind in kinds if kind in _STATES]]
    found["state"] = max(states, key=_RANKS.__getitem__)
    if email.handed_over_at is None:
        found["handed_over_at"] = min(each.at.occurred_at for each in told)
    if EventKind.DELIVERED in kinds:
        arrived = min(each.at.occurred_at for each in told if each.report.kind == EventKind.DELIVERED)
        known = moves.moment(email.delivered_at)
        if known is None or arrived < known:
            found["delivered_at"] = arrived
    if not email.esp_message_id and (named := next((each.report for each in told if each.report.message_id), None)):
        found |= {"esp": named.esp, "esp_message_id": named.message_id}
    changed = {name for name, value in found.items() if getattr(email, name) != value}
    for name in changed:
        setattr(email, name, found[name])
    return changed
