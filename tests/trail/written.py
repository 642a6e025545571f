"""A trail of any length and age, and every kind of damage that somebody with the database in hand can do to it."""

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from recovery import audit
from recovery.audit import offline, reading, sealing
from recovery.models import AuditEvent, AuditOrigin, AuditSeal
from recovery.models.audit import keys_in
from recovery.models.insertion import insert
from recovery.models.primary import key_at
from recovery.reasons import Action, Damage

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
STEP = timedelta(minutes=7)
_EVENT, _SEAL = '"recovery_auditevent"', '"recovery_auditseal"'


def rows(
    number: int, *, at: datetime = AT, step: timedelta = STEP, persons: Sequence[str] = (), **facts: Any
) -> list[AuditEvent]:
    """So many rows of the past, which nobody has sealed. Beside the first ones stands where these persons were."""
    made = [
        AuditEvent(
            id=UUID(int=key_at(at + n * step).int | n + 1),
            occurred_at=at + n * step + timedelta(microseconds=n),
            action=Action.LINK_REVOKED,
            **{"user_key": str(n % 90), "detail": {"n": n, "kind": "forgot"}, **facts},
        )
        for n in range(number)
    ]
    for each, person in zip(made, persons, strict=False):
        each.beside = AuditOrigin(id=each.pk, person_key=person, ip="192.0.2.7", user_agent="x", salt="salt")
        each.origin = audit.digest_of(each.beside)
    for begun in range(0, number, 500):
        insert(*made[begun : begun + 500])
    return made


def sealed(number: int, **facts: Any) -> list[AuditEvent]:
    """The same, sealed."""
    made = rows(number, **facts)
    while audit.seal(far=True):
        pass
    return made


def run(sql: str, *params: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def stored(key: UUID) -> Any:
    return AuditEvent._meta.pk.get_db_prep_value(key, connection)


def edit(dice: random.Random, trail: list[UUID]) -> int:
    """One column of one row."""
    place = dice.randrange(len(trail))
    column, value = dice.choice([("reason", "because"), ("user_key", "4711"), ("action", "x"), ("outcome", "failed")])
    run(f"UPDATE {_EVENT} SET {column} = %s WHERE id = %s", value, stored(trail[place]))
    return place + 1


def delete(dice: random.Random, trail: list[UUID]) -> int:
    place = dice.randrange(len(trail))
    run(f"DELETE FROM {_EVENT} WHERE id = %s", stored(trail[place]))
    return place + 1


def insert_between(dice: random.Random, trail: list[UUID]) -> int:
    """A row that never was, whose key and time lie between those of two others. The newest two hours are not proven
    before they are sealed, so it is put before those."""
    newest = (max(trail).int >> 80) - int(sealing.LATE.total_seconds() * 1000)
    place = dice.randrange(1, len([key for key in trail if key.int >> 80 < newest]))
    key = UUID(int=(trail[place - 1].int + trail[place].int) // 2)
    _copy(trail[place], key)
    return place + 1


def swap(dice: random.Random, trail: list[UUID]) -> int:
    """Two rows, by their keys."""
    first, second = sorted(dice.sample(range(len(trail)), 2))
    aside = UUID(int=1)
    for old, new in ((first, aside), (second, trail[first])):
        run(f"UPDATE {_EVENT} SET id = %s WHERE id = %s", stored(_key(new)), stored(trail[old]))
    run(f"UPDATE {_EVENT} SET id = %s WHERE id = %s", stored(trail[second]), stored(aside))
    return first + 1


def _key(new: Any) -> UUID:
    return new if isinstance(new, UUID) else UUID(str(new))


def cut(dice: random.Random, trail: list[UUID]) -> int:
    """The newest seals, and with them the rows, so that what is left is a whole chain."""
    newest = AuditSeal.objects.order_by("-number").values_list("number", flat=True)[0]
    kept = AuditSeal.objects.get(number=dice.randrange(1, newest))
    beyond = trail[kept.last :]
    for begun in range(0, len(beyond), 500):
        some = [stored(key) for key in beyond[begun : begun + 500]]
        run(f"DELETE FROM {_EVENT} WHERE id IN ({', '.join(['%s'] * len(some))})", *some)
    run(f"DELETE FROM {_SEAL} WHERE number > %s", kept.number)
    run('DELETE FROM "recovery_auditanchor" WHERE number > %s', kept.number)
    return kept.last + 1


def forge(dice: random.Random, trail: list[UUID]) -> int:
    """A row is written anew, and its seal with it and all later ones, as well as that goes without the key."""
    place = dice.randrange(len(trail))
    run(f"UPDATE {_EVENT} SET reason = %s WHERE id = %s", "forged", stored(trail[place]))
    seals = list(AuditSeal.objects.order_by("number"))
    [holder] = [each for each in seals if each.first <= place + 1 <= each.last]
    previous = holder.previous
    for each in seals[holder.number - seals[0].number :]:
        keys = keys_in(each.keys)
        digests = reading.rows_of(keys) if each is holder else dict(zip(keys, each.row_digests(), strict=True))
        each.digests = b"".join(digests[key] for key in keys)
        each.previous = previous
        each.head = offline.head(previous, sealing.header_of(each), offline.body(sealing.leaves_of(each)))
        run(
            f"UPDATE {_SEAL} SET digests = %s, previous = %s, head = %s WHERE number = %s",
            each.digests, previous, each.head, each.number,
        )  # fmt: skip
        previous = each.head
    return holder.first


DAMAGES: dict[Damage, Callable[[random.Random, list[UUID]], int]] = {
    Damage.EDITED: edit,
    Damage.DELETED: delete,
    Damage.INSERTED: insert_between,
    Damage.SWAPPED: swap,
    Damage.CUT: cut,
    Damage.FORGED: forge,
}
"""Each does its damage and tells the first position that it falsifies; a forged row falsifies its whole seal."""


def _copy(source: UUID, key: UUID) -> None:
    columns = [str(field.column) for field in AuditEvent._meta.concrete_fields if field.name != "id"]
    named = ", ".join(f'"{column}"' for column in columns)
    run(
        f"INSERT INTO {_EVENT} (id, {named}) SELECT %s, {named} FROM {_EVENT} WHERE id = %s",
        stored(key),
        stored(source),
    )


def anchor() -> str:
    """The head of the chain, as it is told outside."""
    last = audit.newest()
    assert last is not None
    return f"2026-11-29 09:00:00 INFO recovery-anchor:{last.number}:{last.last}:{last.head}\n"


def lines_of(path: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
