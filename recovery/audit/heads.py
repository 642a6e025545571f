"""Whether seals stand on each other and are what their heads say, made with a key of this site and known to anchors."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from recovery.audit import chain, offline
from recovery.audit.found import Purge, Walk
from recovery.audit.purging import is_beginning
from recovery.audit.reading import cells, moment, parsed, zone_of
from recovery.audit.sealing import header_of, leaves_of, seal_key
from recovery.conf import conf
from recovery.models import AuditAnchor, AuditEvent, AuditSeal
from recovery.models.audit import keys_in
from recovery.reasons import Action, Damage

Anchors = Mapping[int, set[tuple[int, str]]]


def judge_seal(walk: Walk, each: AuditSeal, last: AuditSeal | None) -> None:
    told = walk.told
    told.seals += 1
    told.last, told.head = each.last, each.head
    if last is None:
        told.first = each.first
        walk.purge = _purge_before(each) if each.number > 1 else None
        if each.number > 1 and not walk.purge:
            said = f"seals before {each.number} are gone, and no purge is on record that a key of this site proves"
            walk.wrong(each.first, Damage.DELETED, said)
        elif each.number == 1 and (each.first, each.previous) != (1, offline.START):
            walk.wrong(each.first, Damage.EDITED, "the first seal is not where a chain begins")
    elif (each.number, each.first) != (last.number + 1, last.last + 1):
        walk.wrong(last.last + 1, Damage.DELETED, f"there is no seal between {last.number} and {each.number}")
    elif each.previous != last.head:
        walk.wrong(each.first, Damage.FORGED, f"seal {each.number} does not stand on seal {last.number}")
    if each.odd:
        walk.wrong(each.first, Damage.EDITED, f"seal {each.number} cannot be read: {', '.join(each.odd)}")
        return
    keys, digests = bytes(each.keys), bytes(each.digests)
    is_whole = 0 < len(keys) == 16 * each.count and len(digests) == 32 * each.count
    is_whole = is_whole and max(keys_in(keys)) == each.frontier.bytes  # by which the next rows are looked for
    if not is_whole or offline.head(each.previous, header_of(each), offline.body(leaves_of(each))) != each.head:
        walk.wrong(each.first, Damage.EDITED, f"seal {each.number} is not what its head says")
    elif (master := walk.masters.get(each.key_id)) is None:
        walk.unknown.append(each)
    elif offline.proof(seal_key(master, each.number), each.head) != each.proof:
        walk.wrong(each.first, Damage.FORGED, f"seal {each.number} was not made with the key of this site")


def _purge_before(each: AuditSeal) -> Purge | None:
    records = AuditEvent.objects.filter(action=Action.TRAIL_PURGED).order_by("-pk")
    for at, text in cells(records, "occurred_at", "detail"):
        detail = parsed(text)
        if is_beginning(detail, number=each.number - 1, head=each.previous):
            return Purge(each.number - 1, moment(str(at), zone_of(records)), str(detail.get("before")))
    return None


def said_of_purge(purge: Purge, last: int, wanted: Anchors) -> str:
    """What nobody can tell of a history, up to that position, that a purge took: no anchor speaks for it any more."""
    anchored = sum(number <= purge.number for number in wanted)
    said = (
        f"The rows at positions 1 to {last} are gone: purged, last at {purge.at}, with all that was sealed before"
        f" {purge.before}, says a record that whoever holds SECRET_KEY can make. {anchored} of the anchors that were"
        " given are of seals among them."
    )
    if not _is_allowed(purge, conf.RETENTION["audit"]):
        said += " RETENTION as it is today allows no such purge: find out who did it."
    return said


def _is_allowed(purge: Purge, kept: timedelta | None) -> bool:
    try:
        return kept is not None and datetime.fromisoformat(purge.before) <= datetime.fromisoformat(purge.at) - kept
    except (ValueError, TypeError, OverflowError):  # somebody edited the record, which is a finding of its own
        return False


def own_anchors(walk: Walk) -> Anchors:
    """Those in the database. One that cannot be read is of no seal that anybody knows."""
    count, found, own = AuditAnchor.objects.count(), 0, dict[int, set[tuple[int, str]]]()
    for row in chain.anchors(AuditAnchor.objects.all()):
        own.setdefault(row.number, set()).add((row.position, row.head))
        found += 1
    if found < count:
        walk.wrong(0, Damage.EDITED, f"{count - found} anchors in the database cannot be read")
    return own


def judge_contradictions(walk: Walk, *anchors: Anchors) -> None:
    for number in sorted(number for known in anchors for number, told in known.items() if len(told) > 1):
        first = next((each.first for each in chain.read(chain.seals().filter(number=number)[:1])), 0)
        said = f"the anchors of seal {number} contradict each other: all but one are false"
        walk.wrong(first, Damage.FORGED, said)


def judge_anchors(walk: Walk, each: AuditSeal, *anchors: Anchors) -> None:
    for known in anchors:
        told = known.get(each.number, set())
        if len(told) != 1:
            continue  # none, or a finding already
        if told != {(each.last, each.head)}:
            walk.wrong(each.first, Damage.FORGED, f"seal {each.number} is not the one that was anchored")
        elif known is anchors[0]:
            walk.told.anchors += 1
            walk.told.anchored = max(walk.told.anchored, each.last)


def judge_cut(walk: Walk, last: AuditSeal | None, *anchors: Anchors) -> None:
    """An anchor of a seal beyond the end: the end was cut, whether the rows are still there or not."""
    end, number = walk.told.last, last.number if last else 0
    beyond = [(n, position) for known in anchors for n, told in known.items() if n > number for position, _ in told]
    if beyond:
        said = f"an anchor knows seal {max(beyond)[0]}, with rows up to position {max(p for _, p in beyond)}"
        walk.wrong(end + 1, Damage.CUT, said)


def judge_keys(walk: Walk) -> None:
    """Seals under a key that SECRET_KEY and its fallbacks do not give. An anchor past them vouches for them."""
    for each in walk.unknown:
        if each.last > walk.told.anchored:
            said = f"seal {each.number} bears a key that is not known: it is forged, or SECRET_KEY_FALLBACKS lacks one"
            walk.wrong(each.first, Damage.FORGED, said)


def judge_numberless(walk: Walk) -> None:
    if count := chain.numberless():
        said = f"{count} rows among the seals have no number of one, and are no link of the chain"
        walk.wrong(walk.told.last + 1, Damage.INSERTED, said)
