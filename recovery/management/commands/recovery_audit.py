"""``recovery_audit``: guards the trail, seals it, verifies it, and hands it to auditors."""

import json
import sys
from argparse import ArgumentParser
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from recovery import accounts, anchors, audit, evidence, metrics
from recovery.management.acting import actor_named, key_meant, system_user
from recovery.viewers import Viewer

ACTS = ("protect", "seal", "verify", "export", "report")
RIGHT = "recovery.export_audit"


class Command(BaseCommand):
    help = (
        "protect: install the triggers that let nobody change the trail. seal: seal what has no seal yet. verify: "
        "read the whole chain, and name what does not fit. export: write a bundle for auditors. report: write a row "
        "for each request of a period. Exits with 1 if something does not fit."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("act", choices=ACTS)
        parser.add_argument("--remove", action="store_true", help="protect: remove the triggers.")
        parser.add_argument("--reason", default="", help="protect --remove: why, for the trail.")
        parser.add_argument("--anchor", type=Path, help="verify: a file with anchors, such as a log.")
        parser.add_argument("--since", default="", help="export, report: 24h, 7d, or a date or moment.")
        parser.add_argument("--until", default="0h", help="export, report: the same; now.")
        parser.add_argument("--person", default="", help="export: of the account with this user name or address alone.")
        parser.add_argument("--to", type=Path, help="export: a new folder; report: a file, standard output without.")
        parser.add_argument("--keys", type=Path, help="export: a file for the keys of the exported seals.")
        parser.add_argument("--format", default="csv", choices=["csv", "jsonl"], help="report.")
        parser.add_argument("--actor", help="Not seal, verify: user name of the member of staff who does it.")
        parser.add_argument("--dry-run", action="store_true", help="protect, seal: say what would be done; do nothing.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['act']}")(options)

    def _protect(self, options: dict[str, Any]) -> None:
        wanted = not options["remove"]
        actor = actor_named(options["actor"])
        who: dict[str, Any] = {"actor_key": accounts.key_of(actor) if actor else "", "system_user": system_user()}
        if options["dry_run"]:
            done = audit.is_protected() != wanted
        elif wanted:
            done = audit.protect(**who)
        elif not options["reason"]:
            raise CommandError("--remove needs a --reason, for the trail.", returncode=2)
        else:
            done = audit.unprotect(reason=options["reason"], **who)
        said = "the trail's triggers are there" if wanted else "the trail has no triggers any more; run protect again"
        is_protected = audit.is_protected()
        if wanted and not is_protected and not options["dry_run"]:
            said = "a setting of a role or database, session_replication_role, switches the trail's triggers off"
        self._say(options, {"done": done, "protected": is_protected}, f"{said} ({'done' if done else 'as before'})")
        if wanted and not is_protected and not options["dry_run"]:
            sys.exit(1)

    def _seal(self, options: dict[str, Any]) -> None:
        if options["dry_run"]:
            waiting = audit.verify().waiting
            self._say(options, {"waiting": waiting}, f"{waiting} rows have no seal yet")
            return
        try:
            sealed = audit.seal(seconds=3600, far=True)
        finally:
            told = anchors.tell_due()
        self._say(options, {"sealed": sealed, "anchors": told}, f"{sealed} rows sealed, {told} anchors told")

    def _verify(self, options: dict[str, Any]) -> None:
        try:
            text = options["anchor"].read_bytes().decode("utf-8", "replace") if options["anchor"] else ""
        except OSError as error:
            raise CommandError(str(error), returncode=2) from error
        if options["anchor"] and not audit.holds_anchor(text):
            said = "holds no line that is an anchor, with no more before it than time, level and logger"
            raise CommandError(f"{options['anchor']} {said}.", returncode=2)
        told = audit.verify(anchors=text)
        if options["json"]:
            self.stdout.write(json.dumps(told.as_dict()))
        else:
            self._print(told)
        if not told.is_sound:
            sys.exit(1)

    def _print(self, told: audit.Verified) -> None:
        for found in told.found[:50]:
            named = f" ({found.key})" if found.key else ""
            self.stdout.write(self.style.ERROR(f"position {found.position}: {found.damage}: {found.said}{named}"))
        if len(told.found) > 50:
            self.stdout.write(self.style.ERROR(f"and {len(told.found) - 50} more"))
        self.stdout.write(f"{told.rows} rows in {told.seals} seals, positions {told.first} to {told.last}")
        self.stdout.write(f"head {told.head}, proven by {told.anchors} anchors up to position {told.anchored}")
        for said in told.unproven:
            self.stdout.write(f"not proven: {said}")
        if told.is_sound:
            self.stdout.write(self.style.SUCCESS("everything that is sealed fits"))

    def _export(self, options: dict[str, Any]) -> None:
        if not options["to"]:
            raise CommandError("--to names a new folder for the bundle.", returncode=2)
        since, until = _period(options)
        actor = actor_named(options["actor"], RIGHT)
        user_key = key_meant(options["person"], actor) if options["person"] else ""
        if actor and not user_key and not Viewer(actor).reaches(()):
            raise CommandError("--actor does not reach everybody: name a --person.", returncode=2)
        try:
            done = evidence.export(
                options["to"],
                since=since,
                until=until,
                user_key=user_key,
                actor_key=accounts.key_of(actor) if actor else "",
                keys=options["keys"],
            )
        except OSError as error:
            raise CommandError(str(error), returncode=2) from error
        facts = {"rows": done.rows, "waiting": done.waiting, "seals": done.seals, "sha256": done.sha256}
        self._say(
            options,
            {"folder": str(done.folder), **facts},
            f"{done.rows} rows and {done.seals} seals in {done.folder}; {done.waiting} rows had no seal yet.\n"
            f"SHA-256 of the manifest, which goes to the auditor another way: {done.sha256}",
        )

    def _report(self, options: dict[str, Any]) -> None:
        since, until = _period(options)
        actor = actor_named(options["actor"], RIGHT)
        taking: dict[str, Any] = {"since": since, "until": until or timezone.now(), "by": actor}
        try:
            if options["to"]:
                with (
                    options["to"].open("w", encoding="utf-8", newline="") as file,
                    closing(evidence.taken(options["format"], **taking)) as text,
                ):
                    file.writelines(text)
            else:
                with closing(evidence.taken(options["format"], **taking)) as text:
                    for part in text:
                        self.stdout.write(part, ending="")
        except OSError as error:
            raise CommandError(str(error), returncode=2) from error

    def _say(self, options: dict[str, Any], facts: dict[str, Any], said: str) -> None:
        self.stdout.write(json.dumps(facts) if options["json"] else said)


def _period(options: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    now = timezone.now()
    try:
        since = metrics.parse(options["since"], now) if options["since"] else None
        until = None if options["until"] == "0h" else metrics.parse(options["until"], now)
    except ValueError as error:
        raise CommandError(str(error), returncode=2) from error
    if since and since >= (until or now):
        raise CommandError("--since must be before --until.", returncode=2)
    return since, until
