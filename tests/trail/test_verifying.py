"""Cases 104 and 109: whatever is done to a sealed trail is found, and its first position named."""

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from recovery import audit
from recovery.audit import offline, sealing, verifying
from recovery.models import AuditAnchor, AuditEvent, AuditOrigin, AuditSeal
from recovery.reasons import Action, Damage
from tests.trail.written import AT, DAMAGES, STEP, anchor, rows, run, sealed, stored

pytestmark = pytest.mark.django_db


BEFORE = ("", "x recovery.anchors: ", "\u2028", "\x85", "\x0b", "2026-11-29 09:00:00,1 INFO recovery.anchors: ")
"""What a path may hold before what looks like an anchor."""


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 7)


@pytest.mark.attack(104)
@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_of_every_kind_is_found_at_its_first_position(kind: Damage, small_batches: None) -> None:
    trail = [row.pk for row in sealed(60)]
    known = anchor()
    assert audit.verify(anchors=known).is_sound
    for seed in range(3):
        AuditEvent.objects.all()._raw_delete("default")
        AuditSeal.objects.all()._raw_delete("default")
        trail = [row.pk for row in sealed(60)]
        known = anchor()
        position = DAMAGES[kind](random.Random(seed), trail)
        told = audit.verify(anchors=known)
        assert (told.found[0].position, told.found[0].damage) == (position, kind), told.found[:3]


@pytest.mark.attack(104)
def test_what_only_looks_like_an_anchor_is_none(small_batches: None) -> None:
    sealed(3)
    strange = f"recovery-anchor:{'9' * 5000}:1:{'0' * 64}"
    assert audit.verify(anchors=f"{anchor()}\n{strange}").is_sound


@pytest.mark.attack(104)
@pytest.mark.parametrize("before", BEFORE)
def test_a_request_for_a_path_puts_no_anchor_into_the_log(before: str, small_batches: None) -> None:
    sealed(3)
    strange = f"recovery-anchor:1:3:{'0' * 64}"
    lines = [anchor(), f"2026-11-29 09:00:02,7 WARNING django.request: Not Found: /{before}{strange}", f"{strange} 404"]
    told = audit.verify(anchors="\n".join(lines))
    assert (told.is_sound, told.anchors) == (True, 1)


@pytest.mark.attack(104)
def test_anchors_that_contradict_each_other_are_found_whichever_comes_last(small_batches: None) -> None:
    sealed(30)
    known, last = anchor(), audit.newest()
    assert last
    strange = f"recovery-anchor:{last.number}:{last.last}:{'0' * 64}\n"
    for text in (known + strange, strange + known):
        told = audit.verify(anchors=text)
        assert [(each.position, each.damage) for each in told.found] == [(last.first, Damage.FORGED)]
        assert "contradict" in told.found[0].said
        assert (told.anchors, told.anchored) == (0, 0), "neither vouches for anything"


def test_a_cut_end_is_found_by_an_anchor_alone_and_that_is_said(small_batches: None) -> None:
    trail = [row.pk for row in sealed(30)]
    known = anchor()
    DAMAGES[Damage.CUT](random.Random(1), trail)
    told = audit.verify()
    assert told.is_sound
    assert any("Without an anchor" in said for said in told.unproven)
    assert audit.verify(anchors=known).found[0].damage == Damage.CUT


def test_the_anchors_in_the_database_find_a_cut_end_as_well(small_batches: None) -> None:
    trail = [row.pk for row in sealed(30)]
    last = audit.newest()
    assert last
    DAMAGES[Damage.CUT](random.Random(1), trail)
    AuditAnchor.objects.create(hour=timezone.now(), number=last.number, position=last.last, head=last.head)
    assert audit.verify().found[0].damage == Damage.CUT


def test_a_chain_made_anew_by_who_knows_the_secret_is_found_by_an_anchor_from_outside(small_batches: None) -> None:
    sealed(30)
    known = anchor()
    AuditSeal.objects.all()._raw_delete("default")
    run("""UPDATE "recovery_auditevent" SET reason = 'as it never was' WHERE user_key = '3'""")
    while audit.seal(far=True):
        pass
    assert audit.verify().is_sound
    assert audit.verify(anchors=known).found[0].damage == Damage.FORGED


def test_seals_outlive_a_change_of_the_secret_with_its_fallback_and_without_need_an_anchor(settings: Any) -> None:
    sealed(5)
    known = anchor()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another one", [settings.SECRET_KEY]
    audit.record(Action.LINK_REVOKED)
    assert audit.seal(far=True) == 1
    assert audit.verify().is_sound
    settings.SECRET_KEY_FALLBACKS = []
    told = audit.verify()
    assert [(each.position, each.damage) for each in told.found] == [(1, Damage.FORGED)]
    assert "SECRET_KEY_FALLBACKS" in told.found[0].said
    assert audit.verify(anchors=known).is_sound


def test_seals_that_are_gone_from_the_beginning_or_the_middle_are_missed(small_batches: None) -> None:
    sealed(40)
    run('DELETE FROM "recovery_auditseal" WHERE number = 3')
    assert [(each.position, each.damage) for each in audit.verify().found if not each.key] == [(15, Damage.DELETED)]
    run('DELETE FROM "recovery_auditseal" WHERE number < 3')
    assert [(each.position, each.damage) for each in audit.verify().found if not each.key] == [(22, Damage.DELETED)]


def test_a_row_that_gets_its_seal_late_is_told_as_such() -> None:
    sealed(3)
    now = timezone.now()
    sealed(1, at=now - timedelta(minutes=30))
    told = audit.verify()
    assert told.is_sound
    assert told.tardy == 4
    assert any("time of the past" in said for said in told.unproven)


@pytest.mark.parametrize("change", ["ip = '192.0.2.8'", "ip = '192.0.2.8', salt = ''", "user_agent = 'y'", "salt = ''"])
def test_what_was_written_beside_a_row_cannot_be_changed_unseen_but_can_be_destroyed(change: str) -> None:
    sealed(3, persons=("7",))
    told = audit.verify()
    assert (told.is_sound, told.origins) == (True, 1)
    run(f'UPDATE "recovery_auditorigin" SET {change}')
    assert [(each.position, each.damage) for each in audit.verify().found] == [(1, Damage.EDITED)]
    assert audit.destroy_person("7") == 1
    assert audit.verify().is_sound
    assert audit.destroy_person("") == 0


def test_of_a_row_that_is_gone_with_a_place_beside_it_that_is_named_and_nothing_else() -> None:
    [row] = sealed(1, persons=("7",))
    run('DELETE FROM "recovery_auditevent" WHERE id = %s', stored(row.pk))
    assert [(each.damage, each.key) for each in audit.verify().found] == [(Damage.DELETED, str(row.pk))]


def test_of_each_kind_of_damage_so_many_are_named_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "MOST", 3)
    sealed(8, persons=("7",) * 5)
    run('UPDATE "recovery_auditorigin" SET user_agent = %s', "y")
    assert len(audit.verify().found) == 3
    run('UPDATE "recovery_auditevent" SET reason = %s', "forged")
    assert len(audit.verify().found) == 3
    rows(5, at=AT - timedelta(hours=9))
    kinds = [each.damage for each in audit.verify().found]
    assert (kinds.count(Damage.EDITED), kinds.count(Damage.INSERTED)) == (3, 3)


def test_a_place_that_is_put_beside_an_act_that_told_none_is_found() -> None:
    """A look at a person, and whatever a worker did, is one row."""
    looked = audit.record(Action.DIAGNOSED, actor_key="7", user_key="8")
    audit.seal(far=True)
    AuditOrigin.objects.create(id=looked.pk, person_key="7", ip="192.0.2.8", salt="")
    assert [each.damage for each in audit.verify().found] == [Damage.EDITED]


@pytest.mark.attack(104)
@pytest.mark.parametrize(
    "change",
    ["sealed_at = '2026-01-01 00:00:00'", "digests = keys", "head = previous", f"frontier = '{UUID(int=1)}'"],
)
def test_a_seal_that_is_not_what_its_head_says_is_named(change: str, small_batches: None) -> None:
    sealed(20)
    run(f'UPDATE "recovery_auditseal" SET {change} WHERE number = 2')
    assert (8, Damage.EDITED) in {(each.position, each.damage) for each in audit.verify().found}


@pytest.mark.attack(104)
@pytest.mark.parametrize("column", ["keys", "digests"])
def test_what_is_put_behind_the_rows_of_a_seal_and_leaves_its_head_is_named(column: str, small_batches: None) -> None:
    """The key of a row that was put there, older than the seal's last, is in no leaf: it would pass for sealed."""
    sealed(20)
    [row] = rows(1, at=AT + 8.5 * STEP)
    each = AuditSeal.objects.get(number=2)
    run(f'UPDATE "recovery_auditseal" SET {column} = %s WHERE number = 2', bytes(getattr(each, column)) + row.pk.bytes)
    assert (8, Damage.EDITED) in {(each.position, each.damage) for each in audit.verify().found}


@pytest.mark.attack(104)
@pytest.mark.parametrize(
    ("number", "changed", "damage"),
    [(1, {"first": 2}, Damage.EDITED), (1, {"previous": "f" * 64}, Damage.EDITED),
     (2, {"previous": "f" * 64}, Damage.FORGED)],
)  # fmt: skip
def test_a_true_seal_of_another_history_of_this_site_is_none_of_this_one(
    number: int, changed: dict[str, Any], damage: Damage, small_batches: None
) -> None:
    """As a copy of the site makes it, which has the same SECRET_KEY: its own head and proof fit."""
    sealed(20)
    each = AuditSeal.objects.get(number=number)
    for name, value in changed.items():
        setattr(each, name, value)
    each.head = offline.head(each.previous, sealing.header_of(each), offline.body(sealing.leaves_of(each)))
    [master] = sealing.masters().values()
    each.proof = offline.proof(sealing.seal_key(master, number), each.head)
    columns = ("first", "previous", "head", "proof")
    sets, values = ", ".join(f"{name} = %s" for name in columns), [getattr(each, name) for name in columns]
    run(f'UPDATE "recovery_auditseal" SET {sets} WHERE number = %s', *values, number)
    assert (each.first, damage) in {(found.position, found.damage) for found in audit.verify().found}
