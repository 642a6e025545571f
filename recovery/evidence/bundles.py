"""A folder with rows of the trail, the seals that prove them, and a manifest that counts and hashes all of it.

Of a period whole seals are taken, from the first to the last that hold a row of it, so that nobody can leave a row out;
of a person the rows alone, and of all others in their seals a leaf, which tells nothing of them.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

import recovery
from recovery import audit
from recovery.audit import chain, offline, reading, sealing
from recovery.conf import conf, of_django
from recovery.conf.defaults import DEFAULTS
from recovery.models import AuditAnchor, AuditEvent, AuditSeal
from recovery.models.audit import keys_in
from recovery.models.primary import SKEW, key_at
from recovery.reasons import Action

SAID: Final = frozenset({"RETENTION", "AUDIT_ANCHORS", "TOKEN_LIFETIME", "REQUEST_LIMITS", "LOGIN_FAILURE_LIMIT",
                         "LOGIN_FAILURE_WINDOW", "LOCKOUT_WAITS", "COOLDOWN", "SEND_BY", "BACKUP_WAIT",
                         "ADDRESS_CORRECTION", "ADDRESS_FREEZE", "FORCED_LIFETIME", "ACTIVATION_LIFETIME",
                         "POST_RESET_LOGIN", "STAFF_MAY_SET_PASSWORDS", "TRUSTED_PROXIES", "UNKNOWN_ACCOUNT_MAIL",
                         "ALARM_LIMITS", "ROTATION_PACE", "BASE_URL"})  # fmt: skip
"""Settings in force that a manifest tells: what has no secret in it, whatever a site writes there."""


SEALING: Final = 60.0
"""Seconds that an export seals for, at most, before it begins: what then still has no seal is told without one."""


class Asked(NamedTuple):
    """Of what a bundle is: a period, or a person's rows in it."""

    since: datetime | None
    until: datetime | None
    user_key: str


@dataclass(frozen=True, slots=True)
class Exported:
    """A bundle that was written: where, how much it holds, and the hash of its manifest, which the trail has too."""

    folder: Path
    rows: int
    waiting: int
    seals: int
    sha256: str


def export(
    folder: Path,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    user_key: str = "",
    actor_key: str = "",
    keys: Path | None = None,
) -> Exported:
    """Write a bundle into a folder that is new or empty, with each row that was committed before. First seals what has
    no seal. A row of the trail says who takes what before any of it is written, and its last act is one that holds the
    SHA-256 of the manifest. Commits seals and each of the two.

    ``keys`` names a file for the keys of these seals, which must go to the auditor another way than the bundle: who has
    both can make it anew. Raises FileExistsError for a folder with something in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty.")
    asked = Asked(since, until, user_key)
    audit.seal(seconds=SEALING, far=True)
    period = {"since": since.isoformat() if since else None, "until": until.isoformat() if until else None}
    told: dict[str, Any] = {"actor_key": actor_key, "user_key": user_key, **period, "keys": bool(keys)}
    writing, first = _Writing(folder, asked), audit.first_number()
    audit.record(Action.EXPORTED, model="trail", **told)
    facts = writing.write()
    while first != audit.first_number():  # a purge came between: it would tell half of what went
        writing, first = _Writing(folder, asked), audit.first_number()
        facts = writing.write()
    manifest = folder / offline.MANIFEST
    manifest.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")
    sha256 = hashlib.sha256(manifest.read_bytes()).hexdigest()
    if keys:
        _write_keys(keys, writing.key_ids, sha256)
    done = Exported(folder, writing.sealed, writing.waiting, len(writing.key_ids), sha256)
    audit.record(Action.TRAIL_EXPORTED, rows=done.rows, sha256=sha256, **told)
    return done


class _Writing:
    """One bundle while it is written."""

    def __init__(self, folder: Path, asked: Asked) -> None:
        self.folder, self.asked = folder, asked
        self.sealed = self.waiting = 0
        self.key_ids: dict[int, str] = {}
        # Before the seals are looked at: a row that gets one meanwhile is in either, and in none of them never.
        sealed = _newest()
        waiting = set(sealing.unsealed(sealing.LATE))
        self.newest = _newest()
        for _number, _first, keys in chain.keys(self._seals().filter(number__gt=sealed)):
            waiting -= {*keys}
        self.unsealed = [UUID(bytes=key) for key in waiting]

    def _seals(self) -> "QuerySet[AuditSeal]":
        """All that this bundle knows of; what is sealed from then on is not in it."""
        return chain.seals().filter(number__lte=self.newest)

    def write(self) -> dict[str, Any]:
        """Write the rows, their table and the seals; returns the manifest of them."""
        seals = self._chosen()
        first, last = (seals[0], self._end(seals[-1])) if seals else (0, -1)
        is_period = not self.asked.user_key  # the seal before it says since when no row is left out
        linked = self._seals().filter(number__gte=first - is_period, number__lte=last)
        with (
            (self.folder / offline.ROWS).open("w", encoding="utf-8", errors="surrogatepass") as rows,
            (self.folder / offline.TABLE).open("w", encoding="utf-8-sig", newline="") as table,
            (self.folder / offline.SEALS).open("w", encoding="utf-8") as told,
        ):
            columns = csv.DictWriter(table, offline.COLUMNS)
            columns.writeheader()
            chosen, head = set(seals), offline.START
            for each in chain.read(linked):
                lines = list(self._rows(each)) if each.number in chosen else []
                _put(rows, columns, lines)
                self.sealed += len(lines)
                told.write(json.dumps(_seal(each, with_leaves=bool(lines))) + "\n")
                self.key_ids[each.number], head = each.key_id, each.head
            lines = list(self._waiting())
            _put(rows, columns, lines)
            self.waiting = len(lines)
        return self._manifest(head)

    def _chosen(self) -> Sequence[int]:
        """Numbers of the seals that hold a row of what was asked for; of a period also of those between."""
        seals = self._seals()
        if self.asked.since:
            seals = seals.filter(sealed_at__gte=self.asked.since - SKEW)
        found, own = [], set(reading.keys_of(self._asked_for())) if self._is_narrow() else None
        for number, _first, keys in chain.keys(seals):
            if own is None or any(key in own for key in keys):
                found.append(number)
        return range(found[0], found[-1] + 1) if found and not self.asked.user_key else found

    def _is_narrow(self) -> bool:
        return any(self.asked)

    def _asked_for(self) -> "QuerySet[AuditEvent]":
        rows = AuditEvent.objects.order_by()
        if self.asked.since:
            rows = rows.filter(pk__gte=key_at(self.asked.since - SKEW), occurred_at__gte=self.asked.since)
        if self.asked.until:
            rows = rows.filter(pk__lt=key_at(self.asked.until + SKEW), occurred_at__lt=self.asked.until)
        if key := self.asked.user_key:
            # An ask on the page names nobody: it is theirs by what was decided for them.
            asks = AuditEvent.objects.filter(user_key=key).exclude(request_id=None).order_by()
            of_asks = Q(user_key="", request_id__in=asks.values("request_id"))
            rows = rows.filter(Q(user_key=key) | Q(actor_key=key) | of_asks)
        return rows

    def _end(self, last: int) -> int:
        """As far as the next anchor: it proves the last rows, too. Else to the end of the chain."""
        anchors = AuditAnchor.objects.filter(number__gte=last, number__lte=self.newest).order_by("number")
        return anchors.values_list("number", flat=True).first() or self.newest

    def _rows(self, each: AuditSeal) -> Iterator[dict[str, Any]]:
        rows = AuditEvent.objects.filter(pk__in=each.row_keys())
        if self.asked.user_key:
            rows = rows & self._asked_for()
        found = dict(reading.values_of(rows.order_by()))
        for place, key in enumerate(keys_in(each.keys)):
            if key in found:
                yield _line(each.first + place, key, found[key])

    def _waiting(self) -> Iterator[dict[str, Any]]:
        """What waits for its seal. Nothing proves it yet."""
        for key, values in reading.values_of(self._asked_for().filter(pk__in=self.unsealed).order_by("pk")):
            yield _line(None, key, values)

    def _manifest(self, head: str) -> dict[str, Any]:
        names = (offline.ROWS, offline.TABLE, offline.SEALS)
        return {
            "made_at": timezone.now().astimezone(UTC).isoformat(timespec="seconds"),
            "of": {
                "since": self.asked.since.isoformat() if self.asked.since else None,
                "until": self.asked.until.isoformat() if self.asked.until else None,
                "person": self.asked.user_key or None,
            },
            "complete": not self.asked.user_key,
            "rows": {"sealed": self.sealed, "waiting": self.waiting},
            "chain": {"seals": len(self.key_ids), "last_head": head},
            "anchors": [str(each) for each in chain.anchors(AuditAnchor.objects.order_by("hour"))],
            "files": {name: _facts(self.folder / name) for name in names},
            "settings": _settings(),
            "version": recovery.__version__,
        }


def _newest() -> int:
    newest = audit.newest()
    return newest.number if newest else 0


def _line(position: int | None, key: bytes, values: list[Any]) -> dict[str, Any]:
    return {"position": position, "id": str(UUID(bytes=key)), **dict(zip(offline.FIELDS, values, strict=True))}


def _put(rows: Any, columns: Any, lines: list[dict[str, Any]]) -> None:
    for line in lines:
        rows.write(json.dumps(line, ensure_ascii=False) + "\n")
        columns.writerow({name: offline.cell(value) for name, value in line.items()})


def _seal(each: AuditSeal, *, with_leaves: bool) -> dict[str, Any]:
    leaves = sealing.leaves_of(each)
    body = {"leaves": [leaf.hex() for leaf in leaves]} if with_leaves else {"body": offline.body(leaves)}
    facts = {**sealing.header_of(each)._asdict(), "previous": each.previous, "head": each.head, "proof": each.proof}
    return {**facts, **body}


def _facts(path: Path) -> Mapping[str, Any]:
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": path.stat().st_size}


def _settings() -> dict[str, Any]:
    """What is in force, without what may hold a secret: of ways out the names alone."""
    told = {name: _shown(getattr(conf, name)) for name in sorted(SAID & DEFAULTS.keys())}
    told["AUDIT_ANCHORS"] = [str(entry.get("ANCHOR")) for entry in conf.AUDIT_ANCHORS]
    told["ROUTES"] = [str(route.get("NAME", "default")) for route in conf.ROUTES]
    told["AUDIENCES"], told["WEBHOOKS"] = sorted(conf.AUDIENCES), sorted(conf.WEBHOOKS)
    return {**told, "USE_TZ": bool(of_django("USE_TZ")), "triggers": audit.is_protected()}


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _shown(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(each) for each in value]
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _write_keys(path: Path, key_ids: Mapping[int, str], sha256: str) -> None:
    """The keys of these seals and of no others, and the SHA-256 of the manifest. Readable by whoever runs the command
    alone."""
    known = sealing.masters()
    keys = {str(n): sealing.seal_key(known[name], n).hex() for n, name in key_ids.items() if name in known}
    path.touch(mode=0o600)
    path.chmod(0o600)  # also where it was there already
    path.write_text(json.dumps({"keys": keys, "manifest": sha256}) + "\n", "utf-8")
