"""Case 114: whoever falsifies a bundle can make all of it fit again. What the proofs from elsewhere still tell."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recovery import evidence
from recovery.audit import offline
from recovery.models import AuditEvent, AuditSeal
from recovery.reasons import Action
from tests.trail.bundled import anchored, keys_alone, rewrite, table_anew, told_anew, verified
from tests.trail.written import anchor, lines_of, sealed

pytestmark = [pytest.mark.django_db, pytest.mark.attack(114)]


def swap(lines: list[Any]) -> None:
    lines[3]["position"], lines[8]["position"] = lines[8]["position"], lines[3]["position"]


def hide(seals: list[Any]) -> None:
    seals[2]["body"] = offline.body(bytes.fromhex(text) for text in seals[2].pop("leaves"))


def insert(lines: list[Any]) -> None:
    lines.insert(4, {**lines[4], "id": "00000000-0000-7000-8000-000000000000"})


TAMPERING: dict[str, tuple[str, Callable[[list[Any]], Any], int]] = {
    "edited": (offline.ROWS, lambda lines: lines[5].update(reason="because"), 16),
    "deleted": (offline.ROWS, lambda lines: lines.pop(7), 18),
    "inserted": (offline.ROWS, insert, 15),
    "swapped": (offline.ROWS, swap, 14),
    "cut": (offline.ROWS, lambda lines: [lines.pop() for _ in range(3)], 38),
    "seal edited": (offline.SEALS, lambda lines: lines[2].update(sealed_at="2026-01-01T00:00:00+00:00"), 21),
    "seal deleted": (offline.SEALS, lambda lines: lines.pop(2), 21),
    "link deleted": (offline.SEALS, lambda lines: lines.pop(4), 51),
    "seal cut": (offline.SEALS, lambda lines: [lines.pop() for _ in range(3)], 31),
    "out of order": (offline.ROWS, lambda lines: lines.insert(3, lines.pop(4)), 14),
    "row without its position": (offline.ROWS, lambda lines: lines[5].update(position=None, reason="because"), 16),
    "row with more": (offline.ROWS, lambda lines: lines[5].update(comment="approved"), 16),
    "batch hidden": (offline.SEALS, hide, 21),
}


@pytest.mark.parametrize("way", TAMPERING)
@pytest.mark.parametrize("manifest_too", [False, True])
def test_every_kind_of_tampering_is_rejected(way: str, manifest_too: bool, bundle: Path) -> None:
    name, change, position = TAMPERING[way]
    rewrite(bundle / name, change)
    if change is hide:
        rewrite(bundle / offline.ROWS, lambda lines: lines.__setitem__(slice(10, 20), []))
    if manifest_too:
        table_anew(bundle)
        told_anew(bundle)
    code, told = anchored(bundle)
    assert code == 1
    assert position in {each["position"] for each in told["problems"]}, told["problems"]


def made_anew(bundle: Path, change: Callable[[list[Any], list[Any]], Any]) -> None:
    """All of it fits itself again, as only the site could have made it, but for where a seal is to stand on another."""
    rows, seals, previous = lines_of(bundle / offline.ROWS), lines_of(bundle / offline.SEALS), ""
    change(rows, seals)
    for each in seals:
        each["previous"] = each.pop("stands_on", "") or previous or each["previous"]
        leaves = [bytes.fromhex(text) for text in each.get("leaves", ())]
        header = offline.Header(each["number"], each["first"], each["size"], each["sealed_at"])
        each["head"] = offline.head(each["previous"], header, offline.body(leaves) if leaves else each["body"])
        previous = each["head"]
    rewrite(bundle / offline.ROWS, lambda lines: lines.__setitem__(slice(None), rows))
    rewrite(bundle / offline.SEALS, lambda lines: lines.__setitem__(slice(None), seals))
    table_anew(bundle)
    told_anew(bundle)


def numbered_otherwise(rows: list[Any], seals: list[Any]) -> None:
    for each in seals[3:]:
        each["number"] += 1


def one_row_fewer(rows: list[Any], seals: list[Any]) -> None:
    [seal] = [each for each in seals if each["first"] == 11]
    del rows[9], seal["leaves"][9]


GAPS: list[tuple[Callable[[list[Any], list[Any]], Any], str]] = [
    (numbered_otherwise, "deleted"),
    (lambda rows, seals: seals[3].update(stands_on="0" * 64), "deleted"),
    (one_row_fewer, "edited"),
]


@pytest.mark.parametrize(("change", "kind"), GAPS)
def test_a_chain_with_a_gap_is_rejected_though_every_head_is_that_of_its_leaves(
    change: Callable[[list[Any], list[Any]], Any], kind: str, bundle: Path
) -> None:
    made_anew(bundle, change)
    code, told = verified(bundle)
    assert (code, [each["kind"] for each in told["problems"]]) == (1, [kind])


def edited(rows: list[Any], seals: list[Any]) -> None:
    rows[5]["reason"] = "because"
    [seal] = [each for each in seals if each["first"] == 11]
    values = [rows[5][name] for name in offline.FIELDS]
    seal["leaves"][5] = offline.leaf(bytes.fromhex(rows[5]["id"].replace("-", "")), offline.digest(values)).hex()


def test_a_bundle_that_was_made_anew_is_rejected_by_anchors_keys_and_hash(bundle: Path) -> None:
    made_anew(bundle, edited)
    code, told = verified(bundle)
    assert (code, told["proven"], told["problems"]) == (0, {}, [])
    assert {each["kind"] for each in anchored(bundle)[1]["problems"]} == {"forged"}
    assert verified(bundle, "--keys", keys_alone(bundle))[0] == 1
    [exported] = AuditEvent.objects.filter(action=Action.TRAIL_EXPORTED)
    assert verified(bundle, "--sha256", exported.detail["sha256"])[0] == 1


UNMET: dict[str, tuple[str, str]] = {
    "no anchor": ("--anchors", ""),
    "of another chain": ("--anchors", f"recovery-anchor:99:990:{'a' * 64}"),
    "older than the rows": ("--anchors", "first"),
    "no keys": ("--keys", '{"keys": {}}'),
    "nothing for keys": ("--keys", "null"),
}


@pytest.mark.parametrize("way", UNMET)
def test_a_proof_that_was_given_and_meets_nothing_is_no_proof(way: str, bundle: Path) -> None:
    option, text = UNMET[way]
    first = AuditSeal.objects.get(number=1)
    (bundle.parent / "given").write_text(text.replace("first", f"recovery-anchor:1:10:{first.head}"))
    code, told = verified(bundle, option, str(bundle.parent / "given"))
    assert (code, told["fits"], told["proven"]) == (1, False, {})
    assert verified(bundle, "--sha256", "")[0] == 1


def twice(bundle: Path) -> None:
    """A name with two values, of which one reader takes the first, and another the last."""
    lines = (bundle / offline.ROWS).read_text("utf-8").splitlines(keepends=True)
    lines[5] = lines[5].replace('"action"', '"action": "level.changed", "action"')
    (bundle / offline.ROWS).write_text("".join(lines), "utf-8")


def doubled(bundle: Path) -> None:
    text = (bundle / offline.SEALS).read_text("utf-8")
    (bundle / offline.SEALS).write_text(text.replace('{"number": 2', '{"number": 1, "number": 2'), "utf-8")


def cell_edited(bundle: Path) -> None:
    text = (bundle / offline.TABLE).read_text("utf-8-sig")
    (bundle / offline.TABLE).write_text(text.replace("link.revoked", "link.opened", 6), "utf-8-sig", newline="")


def row_hidden(bundle: Path) -> None:
    rewrite(bundle / offline.ROWS, lambda lines: lines.pop(7))
    table_anew(bundle)


def said_of_a_person(bundle: Path) -> dict[str, Any]:
    row_hidden(bundle)
    return {"complete": False, "of": {"since": None, "until": None, "person": "7"}}


def table_dropped(bundle: Path) -> dict[str, Any]:
    (bundle / offline.TABLE).unlink()
    manifest = json.loads((bundle / offline.MANIFEST).read_text())
    del manifest["files"][offline.TABLE]
    (bundle / offline.MANIFEST).write_text(json.dumps(manifest))
    return {}


def all_dropped(bundle: Path) -> None:
    for name in (offline.ROWS, offline.SEALS):
        (bundle / name).write_text("")
    table_anew(bundle)


FALSE: dict[str, tuple[Callable[[Path], dict[str, Any] | None], int]] = {
    "a name with two values": (twice, 16),
    "a seal with two numbers": (doubled, 0),
    "the table alone": (cell_edited, 11),
    "one more line in the table": (lambda bundle: append(bundle / offline.TABLE, "1,2\r\n"), 0),
    "a row hidden, and nothing is complete": (lambda bundle: row_hidden(bundle) or {"complete": False}, 0),
    "a row hidden, as of a person": (said_of_a_person, 11),
    "more rows waiting than there are": (lambda bundle: {"rows": {"sealed": 30, "waiting": 5}}, 40),
    "no table": (table_dropped, 0),
    "one more file": (lambda bundle: append(bundle / "notes.txt", "approved"), 0),
    "nothing left": (all_dropped, 0),
}


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text)


@pytest.mark.parametrize("way", FALSE)
def test_what_fits_its_manifest_and_is_false_is_rejected_by_anchors_alone(way: str, bundle: Path) -> None:
    change, position = FALSE[way]
    facts = change(bundle)
    told_anew(bundle, **(facts or {}))
    code, told = anchored(bundle)
    assert (code, told["proven"]) == (1, {})
    assert position in {each["position"] for each in told["problems"]}, told["problems"]


def test_a_row_with_a_seal_is_not_told_as_one_that_waits(tmp_path: Path) -> None:
    """Of a person no position would be missed."""
    sealed(5, user_key="7")
    (tmp_path / "site.log").write_text(anchor())
    folder = evidence.export(tmp_path / "bundle", user_key="7").folder
    assert anchored(folder)[0] == 0
    rewrite(folder / offline.ROWS, lambda lines: lines[4].update(position=None))
    table_anew(folder)
    told_anew(folder)
    assert [each["position"] for each in anchored(folder)[1]["problems"]] == [5]


def test_keys_prove_nothing_of_a_bundle_without_seals_but_their_hash_does(tmp_path: Path) -> None:
    evidence.export(tmp_path / "bundle", user_key="7", keys=tmp_path / "keys.json")
    assert verified(tmp_path / "bundle", "--keys", str(tmp_path / "keys.json"))[0] == 0
    assert verified(tmp_path / "bundle", "--keys", keys_alone(tmp_path / "bundle"))[0] == 1


def drop(bundle: Path, first: int, last: int) -> None:
    """The seals of these numbers, with their rows."""
    gone = [each for each in lines_of(bundle / offline.SEALS) if first <= each["number"] <= last]
    rows = {each["first"] + place for each in gone for place in range(each["size"])}
    for name in (offline.ROWS, offline.SEALS):
        kept = [each for each in lines_of(bundle / name) if each not in gone and each.get("position") not in rows]
        rewrite(bundle / name, lambda lines, kept=kept: lines.__setitem__(slice(None), kept))
    table_anew(bundle)
    told_anew(bundle)


@pytest.mark.parametrize(("first", "last", "left"), [(1, 2, "21 to 40"), (4, 6, "11 to 30"), (4, 5, "")])
def test_a_bundle_that_lost_an_end_is_rejected_by_its_keys_and_says_what_is_left(
    first: int, last: int, left: str, bundle: Path
) -> None:
    third = AuditSeal.objects.get(number=3)
    log = (bundle.parent / "site.log").read_text() + f"recovery-anchor:3:{third.last}:{third.head}\n"
    drop(bundle, first, last)
    code, told = anchored(bundle, log)
    assert (code, left in told["proven"].get("anchors", "")) == ((0, True) if left else (1, True))
    assert verified(bundle, "--keys", keys_alone(bundle))[0] == 1


def test_what_no_seal_proves_is_said_not_to_be_proven_and_the_hash_tells(bundle: Path) -> None:
    [exported] = AuditEvent.objects.filter(action=Action.TRAIL_EXPORTED)
    row = {**lines_of(bundle / offline.ROWS)[3], "position": None, "id": "01930f3c-0000-7000-8000-000000000000"}
    rewrite(bundle / offline.ROWS, lambda lines: lines.append({**row, "action": "reset.completed"}))
    table_anew(bundle)
    told_anew(bundle, settings={"triggers": True}, of={"since": None, "until": None, "person": None})
    code, told = anchored(bundle)
    assert code == 0
    assert "that the 1 rows without a seal were not changed" in told["not_proven"]
    assert "what the manifest alone says: the period, settings, when it was made" in told["not_proven"]
    assert verified(bundle, "--keys", keys_alone(bundle))[0] == 0
    assert verified(bundle, "--keys", str(bundle.parent / "keys.json"))[0] == 1
    assert verified(bundle, "--sha256", exported.detail["sha256"])[0] == 1
