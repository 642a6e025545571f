"""Reads the whole chain, and names what does not fit: which row, at which position, and how it was damaged.

Writes nothing. What it cannot prove is said in so many words: ``Verified.unproven``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID

from recovery.audit import offline
from recovery.audit.purging import is_beginning
from recovery.audit.sealing import LATE, header_of, leaves_of, masters, newest, rows_of, since
from recovery.audit.writing import digest_of
from recovery.models import AuditAnchor, AuditEvent, AuditOrigin, AuditSeal
from recovery.reasons import Action, Damage

AT_ONCE: Final = 20  # seals whose rows are held at a time
MOST: Final = 1000  # findings of a kind; whoever has more knows enough
TARDY: Final = timedelta(minutes=10)
"""A row that got its seal so long after its own time was committed late, or was written with a time of the past."""


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
        self.settled_before = since(newest(), LATE)
        self.settled = 0
        self.masters = masters()
        self.missing: list[tuple[int, UUID, bytes]] = []
        self.changed: list[tuple[int, UUID, bytes, bytes]] = []
        self.unknown: list[AuditSeal] = []

    def wrong(self, position: int, damage: Damage, said: str, key: UUID | None = None) -> None:
        self.told.found.append(Found(position, damage.value, said, str(key or "")))


def verify(*, anchors: str = "") -> Verified:
    """Read everything and judge it. ``anchors`` is any text with lines ``recovery-anchor:…``, such as a log. Done anew
    where a purge came between."""
    while True:
        first = _first_number()
        walk = _Walk()
        _read(walk, anchors)
        if walk.told.is_sound or first == _first_number():
            return walk.told


def holds_anchor(text: str) -> bool:
    """Whether there is an anchor in it."""
    return bool(offline.ANCHOR.search(text))


def _first_number() -> int | None:
    return AuditSeal.objects.order_by("number").values_list("number", flat=True).first()


def _read(walk: _Walk, anchors: str) -> None:
    wanted = {int(number): (int(position), head) for number, position, head in offline.ANCHOR.findall(anchors)}
    own = {row.number: (row.position, row.head) for row in AuditAnchor.objects.all()}
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
            walk.wrong(each.first, Damage.DELETED, f"seals before {each.number} are gone, and no purge is on record")
        elif each.number == 1 and (each.first, each.previous) != (1, offline.START):
            walk.wrong(each.first, Damage.EDITED, "the first seal is not where a chain begins")
    elif (each.number, each.first) != (last.number + 1, last.last + 1):
        walk.wrong(last.last + 1, Damage.DELETED, f"there is no seal between {last.number} and {each.number}")
    elif each.previous != last.head:
        walk.wrong(each.first, Damage.FORGED, f"seal {each.number} does not stand on seal {last.number}")
    is_whole = len(bytes(each.keys)) == 16 * each.count and len(bytes(each.digests)) == 32 * each.count
    if not is_whole or offline.head(each.previous, header_of(each), offline.body(leaves_of(each))) != each.head:
        walk.wrong(each.first, Damage.EDITED, f"seal {each.number} is not what its head says")
    elif (master := walk.masters.get(each.key_id)) is None:
        walk.unknown.append(each)
    elif offline.proof(offline.seal_key(master, each.number), each.head) != each.proof:
        walk.wrong(each.first, Damage.FORGED, f"seal {each.number} was not made with the key of this site")
    told.seals += 1
    told.last, told.head = each.last, each.head


def _was_purged(each: AuditSeal) -> bool:
    records = AuditEvent.objects.filter(action=Action.TRAIL_PURGED).order_by("-pk").values_list("detail", flat=True)
    return any(is_beginning(detail, number=each.number - 1, head=each.previous) for detail in records.iterator())


def _judge_anchors(walk: _Walk, each: AuditSeal, *anchors: dict[int, tuple[int, str]]) -> None:
    for known in anchors:
        if each.number in known:
            if known[each.number] != (each.last, each.head):
                walk.wrong(each.first, Damage.FORGED, f"seal {each.number} is not the one that was anchored")
            elif known is anchors[0]:
                walk.told.anchors += 1
                walk.told.anchored = max(walk.told.anchored, each.last)


def _judge_rows(walk: _Walk, seals: Sequence[AuditSeal]) -> None:
    keys = [each.row_keys() for each in seals]
    there = rows_of([key for some in keys for key in some])
    for each, own in zip(seals, keys, strict=True):
        tardy = int((each.sealed_at - TARDY).timestamp() * 1000)
        for place, (key, sealed) in enumerate(zip(own, each.row_digests(), strict=False)):
            found = there.get(key)
            if found is None:
                walk.missing.append((each.first + place, key, sealed))
            elif found != sealed:
                walk.changed.append((each.first + place, key, sealed, found))
            walk.told.rows += found is not None
            walk.settled += found is not None and key < walk.settled_before
            walk.told.tardy += key.int >> 80 < tardy
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


def _judge_cut(walk: _Walk, last: AuditSeal | None, *anchors: dict[int, tuple[int, str]]) -> None:
    """An anchor of a seal beyond the end: the end was cut, whether the rows are still there or not."""
    end, number = walk.told.last, last.number if last else 0
    beyond = {n: position for known in anchors for n, (position, _) in known.items() if n > number}
    if beyond:
        said = f"an anchor knows seal {max(beyond)}, with rows up to position {max(beyond.values())}"
        walk.wrong(end + 1, Damage.CUT, said)


def _judge_unsealed(walk: _Walk) -> None:
    """Rows that were never sealed: the newest wait for it, all others were put there. Those are counted; which they are
    is only looked for where there is one, since that takes the keys of all rows at once."""
    settled = AuditEvent.objects.filter(pk__lt=walk.settled_before).order_by("pk")
    newer = AuditEvent.objects.filter(pk__gte=walk.settled_before).count()
    walk.told.waiting = max(0, newer - (walk.told.rows - walk.settled))
    if settled.count() == walk.settled:
        return
    sealed = {key.int: position for position, key in _positions()}
    in_order = sorted(sealed.items())
    keys = settled.values_list("pk", flat=True).iterator(chunk_size=2000)
    for key in islice((key for key in keys if key.int not in sealed), MOST):
        walk.wrong(_next_position(in_order, key.int), Damage.INSERTED, "the row was never sealed", key)


def _positions() -> Iterator[tuple[int, UUID]]:
    for first, keys in AuditSeal.objects.order_by("number").values_list("first", "keys").iterator():
        stored = bytes(keys)
        for place in range(0, len(stored), 16):
            yield first + place // 16, UUID(bytes=stored[place : place + 16])


def _next_position(in_order: Sequence[tuple[int, int]], key: int) -> int:
    """The position of the sealed row that comes next by its key."""
    low, high = 0, len(in_order)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if in_order[middle][0] < key else (low, middle)
    return in_order[low][1] if low < len(in_order) else in_order[-1][1] + 1


def _judge_keys(walk: _Walk) -> None:
    """Seals under a key that SECRET_KEY and its fallbacks do not give. An anchor past them vouches for them."""
    for each in walk.unknown:
        if each.last > walk.told.anchored:
            said = f"seal {each.number} bears a key that is not known: it is forged, or SECRET_KEY_FALLBACKS lacks one"
            walk.wrong(each.first, Damage.FORGED, said)


def _judge_origins(walk: _Walk) -> None:
    """Where people acted from is as it was written, or was destroyed."""
    origins = AuditOrigin.objects.exclude(salt="").order_by("pk").iterator(chunk_size=2000)
    for some in _parts(origins, 1000):
        digests = dict(AuditEvent.objects.filter(pk__in=[each.pk for each in some]).values_list("pk", "origin"))
        for each in some:
            walk.told.origins += 1
            if each.pk in digests and digests[each.pk] != digest_of(each) and len(walk.told.found) < MOST:
                walk.wrong(0, Damage.EDITED, "where its person acted from is not what was recorded", each.pk)


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
