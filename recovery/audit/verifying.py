"""Reads the whole chain, and names what does not fit: which row, at which position, and how it was damaged.

Writes nothing. What it cannot prove is said in so many words: ``Verified.unproven``.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from django.db.models import QuerySet

from recovery.audit import chain, heads, offline, places
from recovery.audit.found import Verified, Walk
from recovery.audit.reading import keys_of, rows_of
from recovery.audit.sealing import first_number
from recovery.models import AuditEvent, AuditSeal
from recovery.models.audit import keys_in
from recovery.models.primary import key_at
from recovery.reasons import Damage

AT_ONCE: Final = 20  # seals whose rows are held at a time
MOST: Final = 1000  # findings of a kind; whoever has more knows enough
TARDY: Final = timedelta(minutes=10)
"""A row that got its seal so long after its own time was committed late, or was written with a time of the past."""


def verify(*, anchors: str = "") -> Verified:
    """Read everything and judge it. ``anchors`` is a text with lines that are anchors, such as a log. Done anew where a
    purge came between."""
    while True:
        first = first_number()
        walk = Walk()
        _read(walk, anchors)
        if walk.told.is_sound or first == first_number():
            return walk.told


def holds_anchor(text: str) -> bool:
    """Whether there is an anchor in it."""
    return bool(offline.anchors_in(text))


def _read(walk: Walk, anchors: str) -> None:
    wanted = offline.anchors_in(anchors)
    own = heads.own_anchors(walk)
    heads.judge_contradictions(walk, wanted, own)
    last: AuditSeal | None = None
    for some in _parts(chain.read(chain.seals()), AT_ONCE):
        for each in some:
            heads.judge_seal(walk, each, last)
            heads.judge_anchors(walk, each, wanted, own)
            last = each
        _judge_rows(walk, some)
    _name_changes(walk)
    heads.judge_cut(walk, last, wanted, own)
    _judge_unsealed(walk)
    heads.judge_keys(walk)
    heads.judge_numberless(walk)
    _judge_origins(walk)
    walk.told.found.sort()
    _say_unproven(walk, wanted)


def _parts(rows: Iterable[Any], number: int) -> Iterator[list[Any]]:
    left = iter(rows)
    while part := list(islice(left, number)):
        yield part


def _judge_rows(walk: Walk, seals: Sequence[AuditSeal]) -> None:
    own = [keys_in(each.keys) for each in seals]
    odd = set[bytes]()
    there, before = rows_of([key for some in own for key in some], odd), walk.settled_before.bytes
    for each, keys in zip(seals, own, strict=True):
        sealed, found = each.row_digests(), [there.get(key) for key in keys]
        if found != sealed:
            _compare(walk, each.first, zip(keys, sealed, found, strict=False))
        if odd:
            walk.odd.extend((each.first + place, key) for place, key in enumerate(keys) if key in odd)
        present, tardy = keys, key_at(each.sealed_at - TARDY).bytes[:6]  # the milliseconds
        if None in found:
            present = [key for key in keys if key in there]
        walk.told.rows += len(present)
        walk.settled += sum(key < before for key in present)
        walk.told.tardy += sum(key < tardy for key in present)


def _compare(walk: Walk, first: int, rows: Iterable[tuple[bytes, bytes, bytes | None]]) -> None:
    for position, (key, sealed, found) in enumerate(rows, first):
        if found is None:
            walk.missing.append((position, key, sealed))
        elif found != sealed:
            walk.changed.append((position, key, sealed, found))
    del walk.missing[MOST:], walk.changed[MOST:]


def _name_changes(walk: Walk) -> None:
    """Two rows that have each other's content were swapped; a row that has that of any other was so, too."""
    sealed_at = {sealed: position for position, _, sealed, _ in walk.changed}
    sealed_at |= {sealed: position for position, _, sealed in walk.missing}
    for position, key, _, found in walk.changed:
        if found in sealed_at:
            said = f"the row has what was sealed at position {sealed_at[found]}"
            walk.wrong(position, Damage.SWAPPED, said, key)
        else:
            walk.wrong(position, Damage.EDITED, "the row is not as it was sealed", key)
    changed = {key for _, key, _, _ in walk.changed}
    for position, key in walk.odd[:MOST]:
        if key not in changed:
            said = "the row was sealed with bytes that are no text, which this app does not write"
            walk.wrong(position, Damage.INSERTED, said, key)
    for position, key, _ in walk.missing:
        walk.wrong(position, Damage.DELETED, "the row was sealed and is gone", key)


def _judge_unsealed(walk: Walk) -> None:
    """Rows that were never sealed: the newest wait for it, all others were put there. Those are counted; which they are
    is only looked for where there is one, since that takes the keys of all rows at once."""
    settled = AuditEvent.objects.filter(pk__lt=walk.settled_before).order_by("pk")
    newer = AuditEvent.objects.filter(pk__gte=walk.settled_before)
    newer_count, settled_count = newer.count(), settled.count()
    walk.told.waiting = max(0, newer_count - (walk.told.rows - walk.settled))
    _judge_keyless(walk, newer, newer_count)
    if settled_count == walk.settled:
        return
    _judge_keyless(walk, settled, settled_count)
    sealed = {key: first + place for first, keys in _keys_of_seals() for place, key in enumerate(keys)}
    in_order = sorted(sealed)
    for key in islice((key for key in keys_of(settled) if key not in sealed), MOST):
        place = bisect_left(in_order, key)
        position = sealed[in_order[place]] if place < len(in_order) else walk.told.last + 1
        walk.wrong(position, Damage.INSERTED, "the row was never sealed", key)


def _judge_keyless(walk: Walk, rows: "QuerySet[AuditEvent]", count: int) -> None:
    """Rows that nobody seals, since what stands for their key is none; counted before their keys are, for new rows come
    all the time."""
    keyless = count - sum(1 for _key in keys_of(rows))
    if keyless > 0:
        said = f"{keyless} rows have something that is no key, and were never sealed"
        walk.wrong(walk.told.last + 1, Damage.INSERTED, said)


def _keys_of_seals() -> Iterator[tuple[int, list[bytes]]]:
    return ((first, keys) for _number, first, keys in chain.keys(chain.seals()))


def _judge_origins(walk: Walk) -> None:
    """Where people acted from is as it was written, or was destroyed."""
    named = {key for _, key, _ in walk.missing}
    walk.told.origins, wrong = places.judged()
    changed = [key for key in wrong if key not in named][: max(0, MOST - len(walk.told.found))]
    ends = places.ends()
    at = places.positions({*changed, *ends}, _keys_of_seals())
    for each in changed:
        said = "where its person acted from is not what was recorded"
        walk.wrong(at.get(each, walk.told.last + 1), Damage.EDITED, said, each)
    if ends:
        positions = [at.get(key, walk.told.last + 1) for key in ends]
        walk.told.unproven.append(places.said(min(positions), max(positions)))


def _say_unproven(walk: Walk, wanted: heads.Anchors) -> None:
    told, say = walk.told, walk.told.unproven.append
    if walk.purge:
        say(heads.said_of_purge(walk.purge, told.first - 1, wanted))
    if told.waiting:
        say(f"{told.waiting} newest rows wait for their seal: whoever writes to the database can still change those.")
    if not wanted:
        say("Without an anchor from outside, nobody can tell a chain whose end was cut, or that a holder of SECRET_KEY"
            " made anew. Give --anchor.")  # fmt: skip
    elif told.anchored < told.last:
        say(f"The rows after position {told.anchored} are newer than the newest anchor that was given.")
    if told.tardy:
        say(f"{told.tardy} rows got their seal more than ten minutes after their own time: committed late, sealed late,"
            " or written with a time of the past.")  # fmt: skip
    say("A row that was false when it was written, or that never was, is not told from a true one by any seal.")
