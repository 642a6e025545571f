"""Case 114: what an auditor gets is whole; the script that checks it runs on a bare Python and finds every change."""

import csv
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from recovery import accounts, audit, evidence
from recovery.audit import offline, sealing
from recovery.models import AuditEvent
from recovery.reasons import Action
from tests.factories import StaffFactory, UserFactory
from tests.trail.written import AT, STEP, anchor, lines_of, sealed

pytestmark = [pytest.mark.django_db, pytest.mark.attack(114)]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 10)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    sealed(60)
    (tmp_path / "site.log").write_text(anchor())
    evidence.export(tmp_path / "bundle", since=AT + 15 * STEP, until=AT + 34 * STEP, keys=tmp_path / "keys.json")
    return tmp_path / "bundle"


def verified(bundle: Path, *more: str) -> tuple[int, dict[str, Any]]:
    told: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.stdout, "write", told.append)
        code = offline.main([str(bundle), "--json", *more])
    return code, json.loads("".join(told))


def anchored(bundle: Path) -> tuple[int, dict[str, Any]]:
    return verified(bundle, "--anchors", str(bundle.parent / "site.log"))


def test_the_script_runs_on_a_bare_python_and_accepts_a_true_bundle(bundle: Path) -> None:
    ways = {"--anchors": "site.log", "--keys": "keys.json"}
    given = [part for name, file in ways.items() for part in (name, str(bundle.parent / file))]
    ran = subprocess.run(
        [sys.executable, "-I", "-S", offline.__file__, str(bundle), *given], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "30 sealed rows fit" in ran.stdout
    assert "PROVEN by anchors, up to position 60; the keys of its seals." in ran.stdout
    assert ran.stderr == ""


def test_without_proof_from_elsewhere_it_says_that_nothing_is_proven(bundle: Path) -> None:
    code, told = verified(bundle)
    assert (code, told["proven_by"]) == (0, [])


def test_the_manifests_hash_is_on_the_trail_and_proves_the_bundle(bundle: Path) -> None:
    [row] = AuditEvent.objects.filter(action=Action.TRAIL_EXPORTED)
    assert row.detail["sha256"] == hashlib.sha256((bundle / offline.MANIFEST).read_bytes()).hexdigest()
    code, told = verified(bundle, "--sha256", row.detail["sha256"])
    assert (code, told["proven_by"]) == (0, ["the SHA-256 of its manifest"])
    assert verified(bundle, "--sha256", "0" * 64)[0] == 1


def test_a_period_is_whole_batches_with_counts_hashes_seals_and_settings_without_secrets(
    bundle: Path, settings: Any
) -> None:
    manifest = json.loads((bundle / offline.MANIFEST).read_text())
    positions = [row["position"] for row in lines_of(bundle / offline.ROWS)]
    assert positions == list(range(11, 41))
    assert manifest["rows"] == {"sealed": 30, "waiting": 0}
    assert manifest["chain"]["seals"] == len(lines_of(bundle / offline.SEALS)) == 5, "on to the end, for its anchor"
    assert manifest["settings"]["RETENTION"]["emails"] == str(timedelta(days=400))
    assert settings.SECRET_KEY not in (bundle / offline.MANIFEST).read_text()


def rewrite(path: Path, change: Callable[[list[Any]], Any]) -> None:
    lines = lines_of(path)
    change(lines)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")


def told_anew(bundle: Path) -> None:
    """Hashes and counts of the manifest fit again: whoever changes a bundle can do that, too."""
    manifest = json.loads((bundle / offline.MANIFEST).read_text())
    for name in manifest["files"]:
        content = (bundle / name).read_bytes()
        manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    lines, seals = lines_of(bundle / offline.ROWS), lines_of(bundle / offline.SEALS)
    manifest["rows"]["sealed"] = len(lines)
    manifest["chain"] = {"seals": len(seals), "last_head": seals[-1]["head"]}
    (bundle / offline.MANIFEST).write_text(json.dumps(manifest))
    rows = ["position,id", *(f"{line['position']},{line['id']}" for line in lines)]
    (bundle / offline.TABLE).write_text("\n".join(rows) + "\n")
    manifest["files"][offline.TABLE]["sha256"] = hashlib.sha256((bundle / offline.TABLE).read_bytes()).hexdigest()
    (bundle / offline.MANIFEST).write_text(json.dumps(manifest))


def swap(lines: list[Any]) -> None:
    lines[3]["position"], lines[8]["position"] = lines[8]["position"], lines[3]["position"]


def insert(lines: list[Any]) -> None:
    lines.insert(4, {**lines[4], "id": "00000000-0000-7000-8000-000000000000"})


TAMPERING: dict[str, tuple[str, Callable[[list[Any]], Any], int]] = {
    "edited": (offline.ROWS, lambda lines: lines[5].update(reason="because"), 16),
    "deleted": (offline.ROWS, lambda lines: lines.pop(7), 18),
    "inserted": (offline.ROWS, insert, 15),
    "swapped": (offline.ROWS, swap, 14),
    "cut": (offline.ROWS, lambda lines: [lines.pop() for _ in range(3)], 38),
    "out of order": (offline.ROWS, lambda lines: lines.insert(3, lines.pop(4)), 14),
    "seal edited": (offline.SEALS, lambda lines: lines[1].update(sealed_at="2026-01-01T00:00:00+00:00"), 21),
    "seal deleted": (offline.SEALS, lambda lines: lines.pop(1), 21),
    "link deleted": (offline.SEALS, lambda lines: lines.pop(3), 51),
    "seal cut": (offline.SEALS, lambda lines: [lines.pop() for _ in range(3)], 31),
}


@pytest.mark.parametrize("way", TAMPERING)
@pytest.mark.parametrize("manifest_too", [False, True])
def test_every_kind_of_tampering_is_rejected(way: str, manifest_too: bool, bundle: Path) -> None:
    name, change, position = TAMPERING[way]
    rewrite(bundle / name, change)
    if manifest_too:
        told_anew(bundle)
    code, told = anchored(bundle)
    assert code == 1
    assert position in {each["position"] for each in told["problems"]}, told["problems"]


def table_cut(manifest: Any, bundle: Path) -> None:
    table = bundle / offline.TABLE
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    manifest["files"][offline.TABLE]["sha256"] = hashlib.sha256(table.read_bytes()).hexdigest()


OTHERWISE: dict[str, Callable[[Any, Path], Any]] = {
    "another number of seals": lambda manifest, bundle: manifest["chain"].update(seals=7),
    "another end": lambda manifest, bundle: manifest["chain"].update(last_head="0" * 64),
    "fewer rows": lambda manifest, bundle: manifest["rows"].update(sealed=29),
    "a file that is not there": lambda manifest, bundle: manifest["files"].update({"x.txt": {"sha256": "0" * 64}}),
    "a file fewer": lambda manifest, bundle: manifest["files"].pop(offline.TABLE),
    "a table with fewer rows": table_cut,
    "a table with other words": lambda manifest, bundle: (bundle / offline.TABLE).open("a").write("\n"),
}


@pytest.mark.parametrize("change", OTHERWISE.values(), ids=OTHERWISE.keys())
def test_a_manifest_that_says_otherwise_than_what_lies_beside_it_is_rejected(
    change: Callable[[Any, Path], Any], bundle: Path
) -> None:
    manifest = json.loads((bundle / offline.MANIFEST).read_text())
    change(manifest, bundle)
    (bundle / offline.MANIFEST).write_text(json.dumps(manifest))
    code, told = anchored(bundle)
    assert (code, len(told["problems"])) == (1, 1)


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
    assert verified(bundle) == (0, {"fits": True, "proven_by": [], "problems": []})
    assert {each["kind"] for each in anchored(bundle)[1]["problems"]} == {"forged"}
    assert verified(bundle, "--keys", str(bundle.parent / "keys.json"))[0] == 1
    (bundle.parent / "none.json").write_text('{"keys": {}}')
    assert verified(bundle, "--keys", str(bundle.parent / "none.json"))[0] == 1
    [exported] = AuditEvent.objects.filter(action=Action.TRAIL_EXPORTED)
    assert verified(bundle, "--sha256", exported.detail["sha256"])[0] == 1


@pytest.mark.parametrize("broken", ["", "[]", "{}", "not json"])
def test_what_is_no_bundle_is_rejected_and_a_missing_one_is_bad_usage(broken: str, bundle: Path) -> None:
    (bundle / offline.MANIFEST).write_text(broken)
    assert verified(bundle)[0] == 1
    with pytest.raises(SystemExit) as ended:
        offline.main([str(bundle / "nowhere")])
    assert ended.value.code == 2


def test_a_persons_bundle_has_their_rows_and_tells_nothing_of_others(tmp_path: Path) -> None:
    user = UserFactory.create()
    key = accounts.key_of(user)
    sealed(12)
    audit.record(Action.LINK_REVOKED, user_key=key)
    audit.record(Action.LINK_REVOKED, user_key="4711")
    audit.seal(far=True)
    audit.record(Action.LINK_REVOKED, user_key=key)
    (tmp_path / "site.log").write_text(anchor())
    call_command("recovery_audit", "export", "--to", str(tmp_path / "bundle"), "--person", user.username, "--json")
    rows = lines_of(tmp_path / "bundle" / offline.ROWS)
    assert [row["position"] is None for row in rows if row["user_key"] == key][-1]
    assert {row["user_key"] for row in rows} == {key}
    code, told = anchored(tmp_path / "bundle")
    assert (code, told["proven_by"]) == (0, ["anchors, up to position 14"])


def test_the_keys_are_for_their_owner_alone_and_no_cell_of_the_table_is_a_formula(tmp_path: Path) -> None:
    sealed(1, reason=" \u200b=HYPERLINK(1)", actor_key="x;@SUM(1)")
    keys = tmp_path / "keys.json"
    keys.write_text("")
    keys.chmod(0o644)
    evidence.export(tmp_path / "bundle", keys=keys)
    assert keys.stat().st_mode & 0o777 == 0o600
    with (tmp_path / "bundle" / offline.TABLE).open(encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["reason"], row["actor_key"]) == ("' \u200b=HYPERLINK(1)", "x;'@SUM(1)")


STRANGE = f"recovery-anchor:6:60:{'0' * 64}"


def test_the_script_takes_no_anchor_out_of_a_line_and_rejects_those_that_contradict(bundle: Path) -> None:
    log = bundle.parent / "site.log"
    path = "09:00:01 WARNING django.request: Not Found: /"
    log.write_bytes(f"{log.read_text()}{path}{STRANGE}\n{STRANGE} 404\n{path}\r{STRANGE}\n".encode() + b"\xff\n")
    assert anchored(bundle) == (0, {"fits": True, "proven_by": ["anchors, up to position 60"], "problems": []})
    log.write_bytes(log.read_bytes() + f"INFO:recovery.anchors:{STRANGE}\n".encode())
    code, told = anchored(bundle)
    assert (code, told["proven_by"]) == (1, [])
    assert [(each["position"], each["kind"]) for each in told["problems"]] == [(51, "forged")]
    assert "contradict" in told["problems"][0]["said"]


def test_a_folder_with_something_in_it_and_bad_periods_are_bad_usage(bundle: Path) -> None:
    UserFactory.create_batch(2, email="both@example.com")
    clerk, to = StaffFactory.create(), ["--to", str(bundle.parent / "another")]
    for more in (
        ["--to", str(bundle)],
        [],
        [*to, "--since", "yesterday"],
        [*to, "--since", "1h", "--until", "2h"],
        [*to, "--person", "both@example.com"],
        [*to, "--actor", clerk.username],
    ):
        with pytest.raises(Exception) as refused:  # noqa: PT011 - the code is what matters
            call_command("recovery_audit", "export", *more)
        assert getattr(refused.value, "returncode", None) == 2
