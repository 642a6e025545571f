"""Case 114: what an auditor gets is whole; the script that checks it runs on a bare Python and finds every change."""

import csv
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from recovery import accounts, audit, evidence, suppressions
from recovery.audit import offline, sealing
from recovery.evidence import bundles
from recovery.models import AuditEvent, AuditSeal, Suppression
from recovery.reasons import Action
from recovery.retention import remove_requests
from tests import recorded
from tests.asking import ask, browser, work
from tests.factories import StaffFactory, UserFactory
from tests.following import let_pass
from tests.ladder import asks, fails, reported
from tests.trail.bundled import anchored, keys_alone, verified
from tests.trail.written import anchor, lines_of, sealed

pytestmark = [pytest.mark.django_db, pytest.mark.attack(114)]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 10)


def test_the_script_runs_on_a_bare_python_and_accepts_a_true_bundle(bundle: Path) -> None:
    ways = {"--anchors": "site.log", "--keys": "keys.json"}
    given = [part for name, file in ways.items() for part in (name, str(bundle.parent / file))]
    ran = subprocess.run(
        [sys.executable, "-I", "-S", offline.__file__, str(bundle), *given], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "30 sealed rows fit" in ran.stdout
    assert ran.stdout.splitlines()[1:4] == [
        "PROVEN by anchors: every row from position 11 to 40 is as it was when an anchor was told.",
        "PROVEN by keys: every row from position 11 to 40 was sealed with the site's secret.",
        "PROVEN by SHA-256: the whole bundle is as it was exported.",
    ]
    assert "NOT" not in ran.stdout
    assert ran.stderr == ""


def test_without_proof_from_elsewhere_it_says_that_nothing_is_proven(bundle: Path) -> None:
    code, told = verified(bundle)
    assert (code, told["proven"]) == (0, {})
    assert told["not_proven"] == ["anything. Give --anchors, --keys or --sha256 from elsewhere"]


def test_each_proof_says_what_it_does_not_prove(bundle: Path) -> None:
    rest = "what the manifest alone says: the period, settings, when it was made"
    code, told = anchored(bundle)
    assert (code, list(told["proven"]), told["not_proven"][0]) == (0, ["anchors"], rest)
    assert re.fullmatch(
        r"that seals .* none of the period \(seal 1 of 2.* and seal 5 of 2.* beside these\)", told["not_proven"][1]
    )
    code, told = verified(bundle, "--keys", keys_alone(bundle))
    before = "that rows after position 0 were not made anew before the export: an anchor tells"
    assert (code, list(told["proven"]), told["not_proven"][:2]) == (0, ["keys"], [before, rest])
    code, told = verified(bundle, "--keys", str(bundle.parent / "keys.json"))
    assert (code, list(told["proven"]), told["not_proven"]) == (0, ["keys", "SHA-256"], [before])


def test_an_older_anchor_proves_the_rows_up_to_its_own(bundle: Path) -> None:
    third = AuditSeal.objects.get(number=3)
    code, told = anchored(bundle, f"recovery-anchor:3:{third.last}:{third.head}")
    assert (code, told["proven"]["anchors"]) == (
        0,
        "every row from position 11 to 30 is as it was when an anchor was told",
    )
    assert told["not_proven"][0].startswith("that rows after position 30 were not made anew")


def test_the_manifests_hash_is_on_the_trail_and_proves_the_bundle(bundle: Path) -> None:
    [row] = AuditEvent.objects.filter(action=Action.TRAIL_EXPORTED)
    assert row.detail["sha256"] == hashlib.sha256((bundle / offline.MANIFEST).read_bytes()).hexdigest()
    code, told = verified(bundle, "--sha256", row.detail["sha256"])
    assert (code, told["proven"]) == (0, {"SHA-256": "the whole bundle is as it was exported"})
    assert verified(bundle, "--sha256", "0" * 64)[0] == 1


def test_a_period_is_whole_batches_with_counts_hashes_seals_and_settings_without_secrets(
    bundle: Path, settings: Any
) -> None:
    manifest = json.loads((bundle / offline.MANIFEST).read_text())
    positions = [row["position"] for row in lines_of(bundle / offline.ROWS)]
    assert positions == list(range(11, 41))
    assert manifest["rows"] == {"sealed": 30, "waiting": 0}
    assert manifest["chain"]["seals"] == len(lines_of(bundle / offline.SEALS)) == 6, (
        "from the one before to the end, for its anchor"
    )
    assert manifest["settings"]["RETENTION"]["emails"] == str(timedelta(days=400))
    assert settings.SECRET_KEY not in (bundle / offline.MANIFEST).read_text()


def table_cut(manifest: Any, bundle: Path) -> None:
    table = bundle / offline.TABLE
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    content = table.read_bytes()
    manifest["files"][offline.TABLE] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


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


@pytest.mark.parametrize("broken", ["", "[]", "{}", "not json"])
def test_what_is_no_bundle_is_rejected_and_a_missing_one_is_bad_usage(broken: str, bundle: Path) -> None:
    (bundle / offline.MANIFEST).write_text(broken)
    assert verified(bundle)[0] == 1
    with pytest.raises(SystemExit) as ended:
        offline.main([str(bundle / "nowhere")])
    assert ended.value.code == 2


def test_a_persons_bundle_has_their_rows_and_tells_nothing_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = UserFactory.create()
    key = accounts.key_of(user)
    sealed(12)
    audit.record(Action.LINK_REVOKED, user_key=key)
    audit.record(Action.LINK_REVOKED, user_key="4711")
    audit.seal(far=True)
    audit.record(Action.LINK_REVOKED, user_key=key)
    monkeypatch.setattr(bundles, "SEALING", 0)
    (tmp_path / "site.log").write_text(anchor())
    call_command("recovery_audit", "export", "--to", str(tmp_path / "bundle"), "--person", user.username, "--json")
    rows = lines_of(tmp_path / "bundle" / offline.ROWS)
    assert [row["position"] is None for row in rows if row["user_key"] == key][-1]
    assert {row["user_key"] for row in rows} == {key}
    code, told = anchored(tmp_path / "bundle")
    assert code == 0
    assert re.fullmatch(r"each of these rows from position \d+ to 1[34] is .* told", told["proven"]["anchors"])
    assert "that no row of this person is left out" in told["not_proven"]
    assert "that the 1 rows without a seal were not changed" in told["not_proven"]


def test_a_persons_bundle_has_their_asks_what_was_decided_and_what_stopped_mail_to_them(tmp_path: Path) -> None:
    user, boss = UserFactory.create(), StaffFactory.create()
    key = accounts.key_of(user)
    email = asks(user)
    fails(email, detail="550 5.1.1 unknown")
    [row] = Suppression.objects.all()
    suppressions.lift(row, actor=boss, reason="she called")
    suppressions.stop_again(row, actor=boss, reason="another Ada")
    suppressions.lift(Suppression.objects.get(lifted_at=None), actor=boss, reason="no, the same")
    ask(browser(), "nobody@example.com")
    work()
    let_pass(timedelta(days=2))
    reported(email, detail="550 5.1.1 unknown")
    reported(email, "delivered")
    trail = AuditEvent.objects.filter(request_id=email.request_id)
    stopped = trail.filter(action__in=[Action.SUPPRESSED, Action.SUPPRESSION_LIFTED])
    assert set(stopped.values_list("user_key", "email_id")) == {(key, email.pk)}
    assert stopped.count() == 6
    assert [row for row in trail.values() if recorded.judged(row)] == []
    remove_requests([email.request_id])
    evidence.export(tmp_path / "bundle", user_key=key)
    told = {row["id"] for row in lines_of(tmp_path / "bundle" / offline.ROWS)}
    assert told == {str(event) for event in trail.values_list("pk", flat=True)}


def test_a_bundle_that_came_to_no_end_is_on_the_trail_as_one_that_was_begun(tmp_path: Path) -> None:
    sealed(1)
    with pytest.raises(OSError, match="directory"):
        evidence.export(tmp_path / "bundle", keys=tmp_path)
    assert (tmp_path / "bundle" / offline.MANIFEST).exists()
    assert not AuditEvent.objects.filter(action=Action.TRAIL_EXPORTED).exists()
    begun = AuditEvent.objects.get(action=Action.EXPORTED)
    assert (begun.detail["model"], begun.detail["keys"]) == ("trail", True)
    assert str(begun.pk) not in (tmp_path / "bundle" / offline.ROWS).read_text()


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
    code, told = anchored(bundle)
    assert (code, list(told["proven"]), told["problems"]) == (0, ["anchors"], [])
    log.write_bytes(log.read_bytes() + f"INFO:recovery.anchors:{STRANGE}\n".encode())
    code, told = anchored(bundle)
    assert (code, told["proven"]) == (1, {})
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
