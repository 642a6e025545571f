"""``recovery_ingest_bounces``: bounces that come as mail, for ways out without a provider that reports."""

import contextlib
import json
import os
import sys
from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from recovery import bounce_mail
from recovery.bounces import boxes, mails
from recovery.bounces.mails import Letter

AT_ONCE: Final = 100  # mails in one transaction


class Command(BaseCommand):
    help = "Reads bounce mails and complaints, and writes down what they tell. Reading one again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("stdin", nargs="?", choices=["-"], help="One mail on standard input.")
        where.add_argument("--maildir", metavar="PATH", help="A Maildir; what was read is moved to cur, as seen.")
        where.add_argument("--mbox", metavar="PATH", help="An mbox file; it is left as it is.")
        where.add_argument("--imap", metavar="URL", help="Unseen mails of imaps://user@host/folder.")
        parser.add_argument("--dry-run", action="store_true", help="Say what was found; write nothing.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object a recipient.")

    def handle(self, *args: Any, **options: Any) -> None:
        self.options, self.counts, self.refused = options, {"mails": 0, "recipients": 0, "matched": 0, "new": 0}, 0
        try:
            with contextlib.closing(_box(options)) as box:
                self._read_all(box)
        except (boxes.CannotRead, OSError) as error:
            raise CommandError(str(error), returncode=2) from None
        if not options["json"]:
            self.stdout.write(", ".join(f"{name} {count}" for name, count in self.counts.items()))
        if self.refused:
            sys.exit(1)

    def _read_all(self, box: boxes.Box) -> None:
        letters: list[tuple[str, Letter]] = []
        for source in box.sources():
            if (letter := self._read(box, source)) is not None:
                letters.append((source, letter))
            if len(letters) >= AT_ONCE:
                self._take_in(box, letters)
                letters = []
        self._take_in(box, letters)

    def _read(self, box: boxes.Box, source: str) -> Letter | None:
        try:
            return mails.read(box.read(source))
        except mails.TooBig:
            self._leave(source, f"more than {mails.LARGEST // 1_000_000} MB, not read")
            self._mark(box, source)
        except FileNotFoundError:  # somebody else has moved it, and may have read it: the next run tells
            pass
        except (boxes.NotDone, OSError) as error:
            self._leave(source, f"not read: {_why(error)}")
        return None

    def _leave(self, source: str, why: str) -> None:
        self.refused += 1
        self.stderr.write(f"{boxes.shown(source)}: {why}")

    def _mark(self, box: boxes.Box, source: str) -> None:
        if self.options["dry_run"]:
            return
        try:
            box.done(source)
        except FileNotFoundError:  # somebody else has moved it
            pass
        except (boxes.NotDone, OSError) as error:
            self._leave(source, f"not marked as read, so it is read again: {_why(error)}")

    def _take_in(self, box: boxes.Box, letters: list[tuple[str, Letter]]) -> None:
        told = bounce_mail.told_by(letters)
        self.counts["mails"] += len(letters)
        self.counts["recipients"] += len(told)
        self.counts["matched"] += sum(one.email_id is not None for one in told)
        if self.options["json"]:
            for one in told:
                self.stdout.write(json.dumps(one.as_dict() | {"source": boxes.shown(one.source)}))
        if self.options["dry_run"]:
            return
        # Stored first, marked then: after a crash in between they are read again, which changes nothing.
        self.counts["new"] += bounce_mail.take_in(told).stored
        for source, _ in letters:
            self._mark(box, source)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)  # an OSError's own words repeat the path


def _box(options: dict[str, Any]) -> boxes.Box:
    if options["maildir"]:
        return boxes.Maildir(options["maildir"])
    if options["mbox"]:
        return boxes.Mbox(options["mbox"])
    if options["imap"]:
        return boxes.Imap(options["imap"], os.environ.get("RECOVERY_IMAP_PASSWORD", ""))
    return boxes.One(sys.stdin.buffer)
