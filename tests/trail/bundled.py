"""The auditor's script over a bundle, and what somebody with the bundle in hand can do to make it fit again."""

import csv
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recovery.audit import offline
from tests.trail.written import lines_of


def verified(bundle: Path, *more: str) -> tuple[int, dict[str, Any]]:
    told: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.stdout, "write", told.append)
        code = offline.main([str(bundle), "--json", *more])
    return code, json.loads("".join(told))


def anchored(bundle: Path, text: str = "") -> tuple[int, dict[str, Any]]:
    log = bundle.parent / ("given.log" if text else "site.log")
    if text:
        log.write_text(text)
    return verified(bundle, "--anchors", str(log))


def keys_alone(bundle: Path) -> str:
    """The file of keys, without the hash of the manifest."""
    told = json.loads((bundle.parent / "keys.json").read_text())
    (bundle.parent / "alone.json").write_text(json.dumps({"keys": told["keys"]}))
    return str(bundle.parent / "alone.json")


def rewrite(path: Path, change: Callable[[list[Any]], Any]) -> None:
    lines = lines_of(path)
    change(lines)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")


def told_anew(bundle: Path, **facts: Any) -> None:
    """Hashes and counts of the manifest fit again: whoever changes a bundle can do that, too."""
    manifest = json.loads((bundle / offline.MANIFEST).read_text())
    lines, seals = lines_of(bundle / offline.ROWS), lines_of(bundle / offline.SEALS)
    waiting = sum(line["position"] is None for line in lines)
    manifest["rows"] = {"sealed": len(lines) - waiting, "waiting": waiting}
    manifest["chain"] = {"seals": len(seals), "last_head": seals[-1]["head"] if seals else offline.START}
    for name in manifest["files"]:
        content = (bundle / name).read_bytes()
        manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (bundle / offline.MANIFEST).write_text(json.dumps({**manifest, **facts}))


def table_anew(bundle: Path) -> None:
    """And so does the table."""
    with (bundle / offline.TABLE).open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(["position", "id", *offline.FIELDS])
        for line in lines_of(bundle / offline.ROWS):
            table.writerow([json.dumps(each) if isinstance(each, dict) else each for each in line.values()])
