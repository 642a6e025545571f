"""What a digest, a leaf, a head and a proof of the trail are; and, run as a script, the auditor's verifier of a bundle.

    python3 offline.py BUNDLE [--anchors FILE] [--keys FILE] [--sha256 DIGEST] [--json]

Needs Python 3.11 alone: no Django, no other file. The app seals with these same functions: one text to read for how.
Exit code 0: everything fits; 1: something does not, or a given proof meets nothing; 2: bad usage. It prints what is
PROVEN, by what, and what is NOT.

Without a proof a bundle is only checked against itself: whoever made it could have made it anew. **Anchors**, lines
``recovery-anchor:<seal>:<position>:<head>`` that left the site earlier in a log, a mail, a file, prove that no seal was
made anew since, up to theirs; only what logging writes may stand before one. **Keys** of the exported seals, by another
way than the bundle, prove that a holder of the site's secret sealed. Both prove rows with a seal, and nothing else.
The **SHA-256 of the manifest**, in the file of keys too, proves the whole bundle since its export, and nothing before.
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

FIELDS: Final = ("occurred_at", "action", "outcome", "actor_key", "user_key", "request_id", "email_id", "reference",
                 "reason", "origin", "detail")  # fmt: skip
"""Columns of a row that its digest covers, in this order. Its key is covered by the leaf."""
COLUMNS: Final = ("position", "id", *FIELDS)
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
ROWS, TABLE, SEALS, MANIFEST = "trail.jsonl", "trail.csv", "seals.jsonl", "manifest.json"
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
    """SHA-256 over a row's key, 74 bits of which nobody can guess, and its digest. It tells nothing of a hidden row."""
    return hashlib.sha256(key + of_row).digest()


def body(leaves: Iterable[bytes]) -> str:
    """SHA-256 over all leaves of a seal, as hexadecimal digits."""
    return hashlib.sha256(b"".join(leaves)).hexdigest()


def head(previous: str, header: Header, of_leaves: str) -> str:
    """SHA-256 over the head before, the header, and the body; as hexadecimal digits."""
    return hashlib.sha256(json.dumps([previous, *header, of_leaves], separators=(",", ":")).encode()).hexdigest()


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


def cell(value: Any) -> str:
    """A value as the table has it: on one line, with an apostrophe before what does not begin with a word, lest a
    spreadsheet take it for a formula. A semicolon parts cells where a comma is the decimal sign (OWASP, CSV injection).
    """
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value or "")
    line = re.sub("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", " ", text)
    return re.sub(r"(^|;)(?! ?[\w{]|;|$)", r"\1'", line)


class Bundle:
    """A folder that ``recovery_audit export`` wrote: what is wrong with it, what is proven of it, and what is not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        self.person = self.manifest["of"]["person"]
        self.seals = [json.loads(line) for line in _lines(folder / SEALS)]
        told = ((each["first"] + at, text) for each in self.seals for at, text in enumerate(each.get("leaves", ())))
        self.leaves = {position: bytes.fromhex(text) for position, text in told}
        self.places = {found: position for position, found in self.leaves.items()}
        self.seen, self.last, self.waiting = set[int](), 0, 0
        self.problems: list[dict[str, Any]] = []

    def check(self, *, anchors: str | None, keys: Mapping[str, Any] | None, sha256: str | None) -> dict[str, Any]:
        """What is proven and what is not; fills ``problems``. What was not given is None."""
        self._files()
        self._chain()
        self._rows()
        anchored = 0 if anchors is None else self._anchored(anchors_in(anchors))
        if keys is not None:
            self._keyed(keys["keys"])
        hashes = [told for told in (sha256, (keys or {}).get("manifest")) if told is not None]
        if any(told.strip().lower() != _facts(self.folder / MANIFEST)["sha256"] for told in hashes):
            self._wrong(0, "forged", "the manifest is not the one whose SHA-256 was told")
        if (anchors is not None and not anchored) or (keys is not None and not self.seen and not hashes):
            self._wrong(0, "forged", "a proof was given that meets no row here")
        self.problems.sort(key=lambda each: each["position"])
        return self._told(anchored, has_keys=keys is not None, has_hash=bool(hashes))

    def _wrong(self, position: int, kind: str, said: str) -> None:
        self.problems.append({"position": position, "kind": kind, "said": said})

    def _files(self) -> None:
        """These files are there, and no other; each has the length and the hash that the manifest says."""
        told, names = self.manifest["files"], {ROWS, TABLE, SEALS}
        there = {path.name: _facts(path) for path in self.folder.iterdir() if path.name != MANIFEST}
        for name in sorted({*told, *there, *names}):
            if name not in names or name not in told or there.get(name) != told[name]:
                kind = "inserted" if name not in names else "edited" if name in there else "deleted"
                self._wrong(0, kind, f"{name} is not the file of the manifest")

    def _chain(self) -> None:
        """Each seal stands on the one before, and its head is that of its header and leaves. Unless the bundle is of a
        person, none is left out between two with rows."""
        for before, after in pairwise(self.seals):
            is_next = (after["number"], after["first"]) == (before["number"] + 1, before["first"] + before["size"])
            if not is_next or after["previous"] != before["head"]:
                self._wrong(after["first"], "deleted", f"seal {after['number']} does not stand on {before['number']}")
        first, last = min(self.leaves, default=0), max(self.leaves, default=0)
        for each in self.seals:
            header, leaves = Header(*(each[name] for name in Header._fields)), each.get("leaves")
            of_leaves = each["body"] if leaves is None else body(map(bytes.fromhex, leaves))
            is_odd = each.keys() != {
                *Header._fields,
                "previous",
                "head",
                "proof",
                "body" if leaves is None else "leaves",
            }
            is_odd |= leaves is not None and len(leaves) != header.size
            if is_odd or head(each["previous"], header, of_leaves) != each["head"]:
                self._wrong(header.first, "edited", f"the head of seal {header.number} is not that of its leaves")
            elif leaves is None and self.person is None and first < header.first < last:
                self._wrong(header.first, "deleted", f"the rows of seal {header.number} are left out")
        mine = {"seals": len(self.seals), "last_head": self.seals[-1]["head"] if self.seals else START}
        is_odd = [json.dumps(each) + "\n" for each in self.seals] != list(_lines(self.folder / SEALS))
        if is_odd or self.manifest["chain"] != mine or self.manifest["complete"] is not (self.person is None):
            self._wrong(0, "deleted", "the seals are not those that the manifest counts, as the site writes them")

    def _rows(self) -> None:
        """Each row fits its seal, and the table says the same; unless the bundle is of a person, none is left out."""
        csv.field_size_limit(2**31 - 1)
        table = csv.reader(_lines(self.folder / TABLE, "utf-8-sig"), strict=True)
        is_same = next(table, None) == list(COLUMNS)
        for line in _lines(self.folder / ROWS):
            row = json.loads(line)
            self._judge(row, line)
            if is_same and next(table, None) != [cell(row[name]) for name in COLUMNS]:
                is_same = False
                self._wrong(row["position"] or self.last, "edited", f"{TABLE} tells row {row['id']} otherwise")
        if next(table, None) if is_same else not self.problems:
            self._wrong(0, "edited", f"{TABLE} has not the rows of {ROWS}")
        for position in sorted(self.leaves.keys() - self.seen) if self.person is None else ():
            self._wrong(position, "deleted", f"the row at position {position} is missing")
        if self.manifest["rows"] != {"sealed": len(self.seen), "waiting": self.waiting}:
            self._wrong(self.last, "deleted", "there are not as many rows as the manifest counts")

    def _judge(self, row: Mapping[str, Any], line: str) -> None:
        """A row is of whom the bundle is; its leaf stands in its seal, at its position; those without a seal follow."""
        position, key = row["position"], UUID(row["id"])
        mine = leaf(key.bytes, digest([row[name] for name in FIELDS]))
        written = {"position": position and int(position), "id": str(key), **{name: row[name] for name in FIELDS}}
        is_odd = line != json.dumps(written, ensure_ascii=False) + "\n"  # with a field more or twice, for example
        if is_odd or self.person not in (None, row["user_key"], row["actor_key"]):
            self._wrong(position or self.last, "inserted", f"row {key} is none of this bundle, as the site writes them")
        if position is None:
            self.waiting += 1
            if mine in self.places:
                self._wrong(self.places[mine], "edited", f"row {key} has a seal, and is told as one that has none")
            return
        if self.leaves.get(position) != mine:
            is_new = position not in self.leaves or position in self.seen
            kind = "swapped" if mine in self.places else "inserted" if is_new else "edited"
            self._wrong(position, kind, f"row {key} is not what was sealed at position {position}")
        elif position <= self.last or self.waiting:
            self._wrong(position, "swapped", f"row {key} is out of its order")
        self.seen.add(position)
        self.last = max(self.last, position)

    def _anchored(self, anchors: Mapping[int, set[tuple[int, str]]]) -> int:
        """Up to which position anchors prove rows. Those of other seals are of another time than the bundle."""
        ends = {each["number"]: (each["first"] + each["size"] - 1, each["head"]) for each in self.seals}
        for number, told in anchors.items():
            if len(told) > 1 or ends.get(number, *told) not in told:
                first = next((each["first"] for each in self.seals if each["number"] == number), 0)
                self._wrong(first, "forged", f"seal {number} is not as anchored, or its anchors contradict each other")
        met = max((ends[number][0] for number in anchors.keys() & ends.keys()), default=0)
        return min(met, self.last) if met >= min(self.seen, default=0) else 0

    def _keyed(self, keys: Mapping[str, str]) -> None:
        """The keys made these seals, and are of no other."""
        for number in sorted(keys.keys() - {str(each["number"]) for each in self.seals}):
            self._wrong(self.last, "deleted", f"there is a key of seal {number}, and not the seal")
        for each in self.seals:
            key = bytes.fromhex(keys.get(str(each["number"]), ""))
            if not key or not hmac.compare_digest(proof(key, each["head"]), each["proof"]):
                self._wrong(each["first"], "forged", f"seal {each['number']} was not made with its key, or has none")

    def _told(self, anchored: int, *, has_keys: bool, has_hash: bool) -> dict[str, Any]:
        first, rows = min(self.seen, default=0), "every row" if self.person is None else "each of these rows"
        proven, doubts = dict[str, str](), list[str]()
        if anchored:
            proven["anchors"] = f"{rows} from position {first} to {anchored} is as it was when an anchor was told"
        if has_keys and self.seen:
            proven["keys"] = f"{rows} from position {first} to {self.last} was sealed with the site's secret"
        if has_hash:
            proven["SHA-256"] = "the whole bundle is as it was exported"
        if self.problems or not proven:
            return {"proven": {}, "not_proven": ["anything. Give --anchors, --keys or --sha256 from elsewhere"]}
        if anchored < self.last:
            doubts += [f"that rows after position {anchored} were not made anew before the export: an anchor tells"]
        if not has_hash:
            doubts += ["what the manifest alone says: the period, settings, when it was made"]
            doubts += [self._near(first) if self.person is None else "that no row of this person is left out"]
        if self.waiting:
            doubts += [f"that the {self.waiting} rows without a seal were not changed{' earlier' if has_hash else ''}"]
        return {"proven": proven, "not_proven": doubts}

    def _near(self, first: int) -> str:
        near = [each for each in self.seals if self.last + 1 == each["first"] or first == each["first"] + each["size"]]
        told = " and ".join(f"seal {each['number']} of {each['sealed_at']}" for each in near)
        return f"that seals that are not here, or without rows, have none of the period ({told or 'none'} beside these)"


def _facts(path: Path) -> dict[str, Any]:
    content = path.read_bytes() if path.is_file() else b""
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _lines(path: Path, encoding: str = "utf-8") -> Iterator[str]:
    if path.is_file():  # half of a character, which JSON can name, is written and read as it is
        with path.open(encoding=encoding, errors="surrogatepass", newline="") as file:
            yield from file


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verify a bundle of the trail, without Django.")
    parser.add_argument("bundle", type=Path, help="The folder.")
    parser.add_argument("--anchors", type=Path, help="A file with lines recovery-anchor:…, a log for example.")
    parser.add_argument("--keys", type=Path, help="The keys of the exported seals.")
    parser.add_argument("--sha256", help="SHA-256 of the manifest, as the site told it.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    options = parser.parse_args(arguments)
    try:
        anchors = options.anchors and options.anchors.read_bytes().decode("utf-8", "replace")
        keys = {**json.loads(options.keys.read_text("utf-8"))} if options.keys else None
        bundle = Bundle(options.bundle)
        told = bundle.check(anchors=anchors, keys=keys, sha256=options.sha256)
        problems, rows = bundle.problems, f"{len(bundle.seen)} sealed rows fit; {bundle.waiting} had no seal yet."
    except OSError as error:
        parser.error(str(error))
    except (ValueError, LookupError, TypeError, AttributeError, csv.Error) as error:  # the site wrote no such thing
        problems, told = [{"position": 0, "kind": "edited", "said": f"it cannot be read: {error!r}"}], {"proven": {}}
    if options.json:
        sys.stdout.write(json.dumps({"fits": not problems, **told, "problems": problems}) + "\n")
    elif problems:
        sys.stdout.writelines("position {position}: {kind}: {said}\n".format(**each) for each in problems)
        sys.stdout.write(f"REJECTED: {len(problems)} things do not fit.\n")
    else:
        sys.stdout.write(f"{rows}\n")
        sys.stdout.writelines(f"PROVEN by {how}: {said}.\n" for how, said in told["proven"].items())
        sys.stdout.writelines(f"NOT PROVEN: {said}.\n" for said in told["not_proven"])
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
