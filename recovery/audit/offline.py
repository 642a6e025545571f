"""What a digest, a leaf, a head and a proof of the trail are; and, run as a script, the auditor's verifier of a bundle.

    python3 offline.py BUNDLE [--anchors FILE] [--keys FILE] [--sha256 DIGEST] [--json]

Needs Python 3.11 alone: no Django, no other file. The app makes its seals with these same functions, so there is one
text to read for how they are made. Exit code 0: everything fits; 1: something does not; 2: bad usage.

Without one of the three options a bundle is only checked against itself: whoever made it could have made it anew.
An anchor is a line ``recovery-anchor:<seal>:<position>:<head>`` that left the site earlier: in a log, a mail, a file.
It proves all rows up to its position. In a log only time, level, logger and process may stand before it. The keys of
the exported seals come by another way than the bundle; they prove that a holder of the site's secret sealed. The
SHA-256 of the manifest stands in the site's own trail.
"""

import argparse
import csv
import hashlib
import hmac
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

FIELDS: Final = (
    "occurred_at",
    "action",
    "outcome",
    "actor_key",
    "user_key",
    "request_id",
    "email_id",
    "reference",
    "reason",
    "origin",
    "detail",
)
"""Columns of a row that its digest covers, in this order. Its key is covered by the leaf."""
START: Final = "0" * 64
"""What the first seal of all stands on."""
_BEFORE: Final = (
    r"[\d \t:.,+|()\[\]-]|(?<=\d)[T/](?=\d)|(?<=\d)Z|INFO/?|recovery\.anchors"
    "|MainProcess|ForkPoolWorker|SpawnPoolWorker|MainThread|ThreadPoolExecutor"
)
"""What logging writes before a message, Celery's included: no word in it that somebody else could have chosen."""
ANCHOR: Final = re.compile(
    rf"(?:{_BEFORE})*recovery-anchor:(\d{{1,18}}):(\d{{1,18}}):([0-9a-f]{{64}})[ \t\r]*", re.ASCII
)
"""A whole line. What has an anchor within it may be the path of somebody's request, in the same log."""
ROWS: Final = "trail.jsonl"
TABLE: Final = "trail.csv"
SEALS: Final = "seals.jsonl"
MANIFEST: Final = "manifest.json"


_JSON: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


class Header(NamedTuple):
    """What a seal says of itself, beside its leaves. ``sealed_at`` is ISO 8601 in UTC."""

    number: int
    first: int
    size: int
    sealed_at: str


def digest(values: Sequence[Any]) -> bytes:
    """SHA-256 over the JSON of a row's values, in the order of ``FIELDS``: keys sorted, no blanks, ASCII alone."""
    return hashlib.sha256(_JSON.encode(values).encode()).digest()


def leaf(key: bytes, of_row: bytes) -> bytes:
    """SHA-256 over a row's key, 74 bits of which nobody can guess, and its digest. It tells nothing of a row that is
    not shown."""
    return hashlib.sha256(key + of_row).digest()


def body(leaves: Iterable[bytes]) -> str:
    """SHA-256 over all leaves of a seal, as hexadecimal digits."""
    return hashlib.sha256(b"".join(leaves)).hexdigest()


def head(previous: str, header: Header, of_leaves: str) -> str:
    """SHA-256 over the head before, the header, and the body; as hexadecimal digits."""
    return hashlib.sha256(json.dumps([previous, *header, of_leaves], separators=(",", ":")).encode()).hexdigest()


def master_key(secret: str) -> bytes:
    """The key of all seals, derived from one SECRET_KEY."""
    return hmac.digest(secret.encode(), b"recovery.audit.seal", "sha256")


def seal_key(master: bytes, number: int) -> bytes:
    """The key of one seal. Whoever is given it can check that seal, and make no other."""
    return hmac.digest(master, b"seal %d" % number, "sha256")


def proof(key: bytes, of_head: str) -> str:
    """HMAC-SHA256 of a head under its seal's key, as hexadecimal digits."""
    return hmac.digest(key, of_head.encode(), "sha256").hex()


def anchors_in(text: str) -> dict[int, set[tuple[int, str]]]:
    """The anchors of a text, by the number of their seal: its last position and its head. Of one seal there is one; of
    two that differ one is false, and neither vouches for anything."""
    found: dict[int, set[tuple[int, str]]] = {}
    for line in text.split("\n"):  # alone: a path may hold what else Python takes for the end of a line
        if "recovery-anchor:" in line and (fits := ANCHOR.fullmatch(line)):
            found.setdefault(int(fits[1]), set()).add((int(fits[2]), fits[3]))
    return found


class Problem(NamedTuple):
    """What does not fit: where, the kind of damage in one word, and a sentence."""

    position: int
    kind: str
    said: str


class Bundle:
    """A folder that ``recovery_audit export`` wrote, and what is wrong with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: Mapping[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
        self.seals = [json.loads(line) for line in _lines(folder / SEALS)]
        self.problems: list[Problem] = []

    def check(self, *, anchors: str, keys: Mapping[str, str] | None, sha256: str) -> list[str]:
        """Fill ``problems``; returns by what the bundle is proven, which may be nothing."""
        self._files()
        self._chain()
        self._rows()
        self._table()
        proven = [self._anchored(anchors), self._keyed(keys), self._told(sha256)]
        self.problems.sort()
        return [said for said in proven if said]

    def _wrong(self, position: int, kind: str, said: str) -> None:
        self.problems.append(Problem(position, kind, said))

    def _files(self) -> None:
        """Each file has the length and the hash that the manifest says; and there is no other."""
        told = self.manifest["files"]
        for name in sorted({path.name for path in self.folder.iterdir()} - {MANIFEST, *told}):
            self._wrong(0, "inserted", f"{name} is not in the manifest")
        for name, facts in told.items():
            path = self.folder / name
            if not path.is_file():
                self._wrong(0, "deleted", f"{name} is missing")
            elif hashlib.sha256(path.read_bytes()).hexdigest() != facts["sha256"]:
                self._wrong(0, "edited", f"{name} is not the file of the manifest")

    def _chain(self) -> None:
        """Each seal stands on the one before, and its head is that of its header and leaves."""
        for before, after in pairwise(self.seals):
            is_next = (after["number"], after["first"]) == (before["number"] + 1, before["first"] + before["size"])
            if not is_next or after["previous"] != before["head"]:
                self._wrong(after["first"], "deleted", f"seal {after['number']} does not stand on {before['number']}")
        for each in self.seals:
            header = Header(each["number"], each["first"], each["size"], each["sealed_at"])
            leaves = self._leaves(each)
            of_leaves = body(leaves) if leaves else each["body"]
            if (leaves and len(leaves) != each["size"]) or head(each["previous"], header, of_leaves) != each["head"]:
                self._wrong(each["first"], "edited", f"the head of seal {each['number']} is not that of its leaves")
        told = self.manifest["chain"]
        mine = {"seals": len(self.seals), "last_head": self.seals[-1]["head"] if self.seals else START}
        if any(told[name] != value for name, value in mine.items()):
            self._wrong(0, "deleted", "the seals are not those that the manifest counts")

    @staticmethod
    def _leaves(seal: Mapping[str, Any]) -> list[bytes]:
        """Those of a seal that has rows here; of the others the body alone leads on to the next."""
        return [bytes.fromhex(text) for text in seal.get("leaves", ())]

    def _rows(self) -> None:
        """Each row's leaf stands in its seal, at its position; and of a period none is left out."""
        leaves = {each["first"] + place: found for each in self.seals for place, found in enumerate(self._leaves(each))}
        places, last = {found: place for place, found in leaves.items()}, 0
        seen = set[int]()
        for row in map(json.loads, _lines(self.folder / ROWS)):
            position = row["position"]
            mine = leaf(UUID(row["id"]).bytes, digest([row[name] for name in FIELDS]))
            if position is None:
                continue  # it waited for its seal; the manifest counts those
            if leaves.get(position) != mine:
                is_moved = mine in places
                kind = "swapped" if is_moved else "inserted" if position not in leaves or position in seen else "edited"
                self._wrong(position, kind, f"row {row['id']} is not what was sealed at position {position}")
            elif position <= last:
                self._wrong(position, "swapped", f"row {row['id']} is out of its order")
            seen.add(position)
            last = max(last, position)
        for position in sorted(leaves.keys() - seen) if self.manifest["complete"] else ():
            self._wrong(position, "deleted", f"the row at position {position} is missing")
        if len(seen) != self.manifest["rows"]["sealed"]:
            self._wrong(last, "deleted", "there are not as many rows as the manifest counts")

    def _table(self) -> None:
        """The table has the same rows, in the same order."""
        with (self.folder / TABLE).open(encoding="utf-8-sig", newline="") as file:
            keys = [row["id"] for row in csv.DictReader(file)]
        if keys != [json.loads(line)["id"] for line in _lines(self.folder / ROWS)]:
            self._wrong(0, "edited", f"{TABLE} has other rows than {ROWS}")

    def _anchored(self, text: str) -> str:
        heads = {each["number"]: each for each in self.seals}
        met = 0
        for number, told in anchors_in(text).items():
            each = heads.get(number)
            if len(told) > 1:
                self._wrong(
                    each["first"] if each else 0, "forged", f"the anchors of seal {number} contradict each other"
                )
            elif each is None:
                continue  # of another time than this bundle's
            elif told != {(each["first"] + each["size"] - 1, each["head"])}:
                self._wrong(each["first"], "forged", f"seal {number} is not the one that was anchored")
            else:
                met = max(met, each["first"] + each["size"] - 1)
        return f"anchors, up to position {met}" if met else ""

    def _keyed(self, keys: Mapping[str, str] | None) -> str:
        if keys is None:
            return ""
        for each in self.seals:
            key = bytes.fromhex(keys.get(str(each["number"]), ""))
            if not key or not hmac.compare_digest(proof(key, each["head"]), each["proof"]):
                self._wrong(each["first"], "forged", f"seal {each['number']} was not made with its key")
        return "the keys of its seals" if self.seals else ""

    def _told(self, sha256: str) -> str:
        if not sha256:
            return ""
        if hashlib.sha256((self.folder / MANIFEST).read_bytes()).hexdigest() != sha256.strip().lower():
            self._wrong(0, "forged", "the manifest is not the one whose SHA-256 was told")
        return "the SHA-256 of its manifest"


def _lines(path: Path) -> Iterator[str]:
    if path.is_file():
        with path.open(encoding="utf-8") as file:
            yield from file


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verify a bundle of the trail, without Django.")
    parser.add_argument("bundle", type=Path, help="The folder.")
    parser.add_argument("--anchors", type=Path, help="A file with lines recovery-anchor:…, a log for example.")
    parser.add_argument("--keys", type=Path, help="The keys of the exported seals.")
    parser.add_argument("--sha256", default="", help="SHA-256 of the manifest, as the site told it.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    options = parser.parse_args(arguments)
    proven: list[str] = []
    manifest: Mapping[str, Any] = {}
    try:
        anchors = options.anchors.read_bytes().decode("utf-8", "replace") if options.anchors else ""
        keys = json.loads(options.keys.read_text("utf-8"))["keys"] if options.keys else None
        bundle = Bundle(options.bundle)
        proven = bundle.check(anchors=anchors, keys=keys, sha256=options.sha256)
        problems, manifest = bundle.problems, bundle.manifest
    except OSError as error:
        parser.error(str(error))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # What cannot be read is no bundle that the site wrote.
        problems = [Problem(0, "edited", f"it cannot be read as a bundle ({type(error).__name__}: {error})")]
    _tell(options, proven, problems, manifest)
    return 1 if problems else 0


def _tell(options: Any, proven: list[str], problems: list[Problem], manifest: Mapping[str, Any]) -> None:
    if options.json:
        found = [each._asdict() for each in problems]
        sys.stdout.write(json.dumps({"fits": not problems, "proven_by": proven, "problems": found}) + "\n")
        return
    for each in problems:
        sys.stdout.write(f"position {each.position}: {each.kind}: {each.said}\n")
    if problems:
        sys.stdout.write(f"REJECTED: {len(problems)} things do not fit.\n")
        return
    rows = manifest["rows"]
    sys.stdout.write(f"{rows['sealed']} sealed rows fit; {rows['waiting']} had no seal yet and prove nothing.\n")
    if proven:
        sys.stdout.write(f"PROVEN by {'; '.join(proven)}.\n")
    else:
        sys.stdout.write("NOT PROVEN: the bundle fits itself. Give --anchors, --keys or --sha256 from elsewhere.\n")


if __name__ == "__main__":
    sys.exit(main())
