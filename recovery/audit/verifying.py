"""Reads the whole chain, and names what does not fit: which row, at which position, and how it was damaged.

Writes nothing. What it cannot prove is said in so many words: ``Verified.unproven``.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from recovery.audit import offline, places
from recovery.audit.purging import is_beginning
from recovery.audit.reading import keys_of, rows_of
from recovery.audit.sealing import LATE, first_number, header_of, leaves_of, masters, seal_key, since
from recovery.models import AuditAnchor, AuditEvent, AuditSeal
from recovery.models.audit import keys_in
from recovery.models.primary import key_at
from recovery.reasons import Action, Damage

AT_ONCE: Final = 20  # seals whose rows are held at a time
MOST: Final = 1000  # findings of a kind; whoever has more knows enough
TARDY: Final = timedelta(minutes=10)
"""A row that got its seal so long after its own time was committed late, or was written with a time of the past."""


Anchors = Mapping[int, set[tuple[int, str]]]


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """One thing that does not fit. ``position`` counts the sealed rows from 1; of a row without a seal it is that of
    the row that it stands before. ``key`` is the row's, "" for a seal."""

    position: int
    damage: str
    said: str
    key: str = ""


@dataclass(slots=True)
class Verified:
    """What was looked at, what was found, the first position first, and what nobody could tell."""

    seals: int = 0
    rows: int = 0
    first: int = 1
    last: int = 0
    head: str = ""
    waiting: int = 0
    tardy: int = 0
    anchors: int = 0
    anchored: int = 0
    origins: int = 0
    found: list[Found] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not self.found

    def as_dict(self) -> dict[str, Any]:
        return {"sound": self.is_sound, **asdict(self)}


class _Walk:
    """One reading of the chain."""

    def __init__(self) -> None:
        self.told = Verified(head=offline.START)
        self.settled_before = since(LATE)
        self.settled = 0
        self.masters = masters()
        self.missing: list[tuple[int, bytes, bytes]] = []
        self.changed: list[tuple[int, bytes, bytes, bytes]] = []
        self.unknown: list[AuditSeal] = []

    def wrong(self, position: int, damage: Damage, said: str, key: bytes = b"") -> None:
        self.told.found.append(Found(position, damage.value, said, str(UUID(bytes=key)) if key else ""))


def verify(*, anchors: str = "") -> Verified:
    """Read everything and judge it. ``anchors`` is a text with lines that are anchors, such as a log. Done anew where a
    purge came between."""
    while True:
        first = first_number()
        walk = _Walk()
        _read(walk, anchors)
        if walk.told.is_sound or first == first_number():
            return walk.told


def holds_anchor(text: str) -> bool:
    """Whether there is an anchor in it."""
    return bool(offline.anchors_in(text))


def _read(walk: _Walk, anchors: str) -> None:
    wanted = offline.anchors_in(anchors)
    own = dict[int, set[tuple[int, str]]]()
    for row in AuditAnchor.objects.all():
        own.setdefault(row.number, set()).add((row.position, row.head))
    _judge_contradictions(walk, wanted, own)
    last: AuditSeal | None = None
    for some in _parts(AuditSeal.objects.order_by("number").iterator(chunk_size=AT_ONCE), AT_ONCE):
        for each in some:
            _judge_seal(walk, each, last)
            _judge_anchors(walk, each, wanted, own)
            last = each
        _judge_rows(walk, some)
    _name_changes(walk)
    _judge_cut(walk, last, wanted, own)
    _judge_unsealed(walk)
    _judge_keys(walk)
    _judge_origins(walk)
    walk.told.found.sort()
    _say_unproven(walk, has_anchors=bool(wanted))


def _parts(rows: Iterable[Any], number: int) -> Iterator[list[Any]]:
    left = iter(rows)
    while part := list(islice(left, number)):
        yield part


def _judge_seal(walk: _Walk, each: AuditSeal, last: AuditSeal | None) -> None:
    told = walk.told
    if last is None:
        told.first = each.first
        if each.number > 1 and not _was_purged(each):
            said = f"seals before {each.number} are gone, and no purge is on record that a key of this site proves"
            walk.wrong(each.first, Damage.DELETED, said)
        elif each.number == 1 and (each.first, each.previous) != (1, offline.START):
            walk.wrong(each.first, Damage.EDITED, "the first seal is not where a chain begins")
    elif (each.number, each.first) != (last.number + 1, last.last + 1):
        walk.wrong(last.last + 1, Damage.DELETED, f"there is no seal between {last.number} and {each.number}")
    elif each.previous != last.head:
        walk.wrong(each.first, Damage.FORGED, f"seal {each.number} does not stand on seal {last.number}")
    keys, digests = bytes(each.keys), bytes(each.digests)
    is_whole = 0 < len(keys) == 16 * each.count and len(digests) == 32 * each.count
    is_whole = is_whole and max(keys_in(keys)) == each.frontier.bytes  # by which the next rows are looked for
    if not is_whole or offline.head(each.previous, header_of(each), offline.body(leaves_of(each))) != each.head:
        walk.wrong(each.first, Damage.EDITED, f"seal {each.number} is not what its head says")
    elif (master := walk.masters.get(each.key_id)) is None:
        walk.unknown.append(each)
    elif offline.proof(seal_key(master, each.number), each.head) != each.proof:
        walk.wrong(each.first, Damage.FORGED, f"seal {each.number} was not made with the key of this site")
    told.seals += 1
    told.last, told.head = each.last, each.head


def _was_purged(each: AuditSeal) -> bool:
    records = AuditEvent.objects.filter(action=Action.TRAIL_PURGED).order_by("-pk").values_list("detail", flat=True)
    return any(is_beginning(detail, number=each.number - 1, head=each.previous) for detail in records.iterator())


def _judge_contradictions(walk: _Walk, *anchors: Anchors) -> None:
    for number in sorted(number for known in anchors for number, told in known.items() if len(told) > 1):
        first = AuditSeal.objects.filter(number=number).values_list("first", flat=True).first()
        said = f"the anchors of seal {number} contradict each other: all but one are false"
        walk.wrong(first or 0, Damage.FORGED, said)


def _judge_anchors(walk: _Walk, each: AuditSeal, *anchors: Anchors) -> None:
    for known in anchors:
        told = known.get(each.number, set())
        if len(told) != 1:
            continue  # none, or a finding already
        if told != {(each.last, each.head)}:
            walk.wrong(each.first, Damage.FORGED, f"seal {each.number} is not the one that was anchored")
        elif known is anchors[0]:
            walk.told.anchors += 1
            walk.told.anchored = max(walk.told.anchored, each.last)


def _judge_rows(walk: _Walk, seals: Sequence[AuditSeal]) -> None:
    own = [keys_in(each.keys) for each in seals]
    there, before = rows_of([key for some in own for key in some]), walk.settled_before.bytes
    for each, keys in zip(seals, own, strict=True):
        sealed, found = each.row_digests(), [there.get(key) for key in keys]
        if found != sealed:
            _compare(walk, each.first, zip(keys, sealed, found, strict=False))
        present, tardy = keys, key_at(each.sealed_at - TARDY).bytes[:6]  # the milliseconds
        if None in found:
            present = [key for key in keys if key in there]
        walk.told.rows += len(present)
        walk.settled += sum(key < before for key in present)
        walk.told.tardy += sum(key < tardy for key in present)


def _compare(walk: _Walk, first: int, rows: Iterable[tuple[bytes, bytes, bytes | None]]) -> None:
    for position, (key, sealed, found) in enumerate(rows, first):
        if found is None:
            walk.missing.append((position, key, sealed))
        elif found != sealed:
            walk.changed.append((position, key, sealed, found))
    del walk.missing[MOST:], walk.changed[MOST:]


def _name_changes(walk: _Walk) -> None:
    """Two rows that have each other's content were swapped; a row that has that of any other was so, too."""
    sealed_at = {sealed: position for position, _, sealed, _ in walk.changed}
    sealed_at |= {sealed: position for position, _, sealed in walk.missing}
    for position, key, _, found in walk.changed:
        if found in sealed_at:
            said = f"the row has what was sealed at position {sealed_at[found]}"
            walk.wrong(position, Damage.SWAPPED, said, key)
        else:
            walk.wrong(position, Damage.EDITED, "the row is not as it was sealed", key)
    for position, key, _ in walk.missing:
        walk.wrong(position, Damage.DELETED, "the row was sealed and is gone", key)


def _judge_cut(walk: _Walk, last: AuditSeal | None, *anchors: Anchors) -> None:
    """An anchor of a seal beyond the end: the end was cut, whether the rows are still there or not."""
    end, number = walk.told.last, last.number if last else 0
    beyond = [(n, position) for known in anchors for n, told in known.items() if n > number for position, _ in told]
    if beyond:
        said = f"an anchor knows seal {max(beyond)[0]}, with rows up to position {max(p for _, p in beyond)}"
        walk.wrong(end + 1, Damage.CUT, said)


def _judge_unsealed(walk: _Walk) -> None:
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


def _judge_keyless(walk: _Walk, rows: "QuerySet[AuditEvent]", count: int) -> None:
    """Rows that nobody seals, since what stands for their key is none; counted before their keys are, for new rows come
    all the time."""
    keyless = count - sum(1 for _key in keys_of(rows))
    if keyless > 0:
        said = f"{keyless} rows have something that is no key, and were never sealed"
        walk.wrong(walk.told.last + 1, Damage.INSERTED, said)


def _keys_of_seals() -> Iterator[tuple[int, list[bytes]]]:
    for first, keys in AuditSeal.objects.order_by("number").values_list("first", "keys").iterator():
        yield first, keys_in(keys)


def _judge_keys(walk: _Walk) -> None:
    """Seals under a key that SECRET_KEY and its fallbacks do not give. An anchor past them vouches for them."""
    for each in walk.unknown:
        if each.last > walk.told.anchored:
            said = f"seal {each.number} bears a key that is not known: it is forged, or SECRET_KEY_FALLBACKS lacks one"
            walk.wrong(each.first, Damage.FORGED, said)


def _judge_origins(walk: _Walk) -> None:
    """Where people acted from is as it was written, or was destroyed."""
    named, changed = {key for _, key, _ in walk.missing}, list[bytes]()
    for key, is_right in places.judged():
        walk.told.origins += 1
        if not is_right and key.bytes not in named and len(walk.told.found) + len(changed) < MOST:
            changed.append(key.bytes)
    ends = places.ends()
    at = places.positions({*changed, *ends}, _keys_of_seals())
    for each in changed:
        said = "where its person acted from is not what was recorded"
        walk.wrong(at.get(each, walk.told.last + 1), Damage.EDITED, said, each)
    if ends:
        walk.told.unproven.append(places.said(*(at.get(key, walk.told.last + 1) for key in ends)))


def _say_unproven(walk: _Walk, *, has_anchors: bool) -> None:
    told, say = walk.told, walk.told.unproven.append
    if told.waiting:
        say(f"{told.waiting} newest rows wait for their seal: whoever writes to the database can still change those.")
    if not has_anchors:
        say("Without an anchor from outside, nobody can tell a chain whose end was cut, or that a holder of SECRET_KEY"
            " made anew. Give --anchor.")  # fmt: skip
    elif told.anchored < told.last:
        say(f"The rows after position {told.anchored} are newer than the newest anchor that was given.")
    if told.tardy:
        say(f"{told.tardy} rows got their seal more than ten minutes after their own time: committed late, sealed late,"
            " or written with a time of the past.")  # fmt: skip
    say("A row that was false when it was written, or that never was, is not told from a true one by any seal.")
