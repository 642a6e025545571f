"""``recovery_activate``: a link to choose the first password, for these people or for all who never joined."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.management.base import BaseCommand, CommandError

from recovery import accounts, resets


class Command(BaseCommand):
    help = (
        "Sends people who have no password yet a link to choose one: those that are named, or with --never-joined all"
        " whose link came to nothing or is too old. Exits with 1 if a name is nobody's, or means several people."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("who", nargs="*", metavar="NAME", help="User name or address.")
        parser.add_argument(
            "--never-joined", action="store_true", help="All who never joined and have no link that works."
        )
        parser.add_argument("--reason", default="", help="Why, for the audit trail.")
        parser.add_argument("--audience", default="", help="The door that the links lead to, not each person's own.")
        parser.add_argument("--dry-run", action="store_true", help="Say who would be asked; do nothing.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["who"]) == options["never_joined"]:
            raise CommandError("Give names, or --never-joined.", returncode=2)
        people, unknown = self._named(options["who"]) if options["who"] else (resets.never_joined(), [])
        asked = has_joined = 0
        for user in people:
            if accounts.has_joined(user):
                has_joined += 1
                continue
            asked += 1
            if not options["dry_run"]:
                resets.activate(user, reason=options["reason"], audience=options["audience"])
        self._tell({"asked": asked, "joined": has_joined, "unknown": len(unknown)}, as_json=options["json"])
        for name in unknown:
            self.stderr.write(f"{name}: nobody, or several people")
        if unknown:
            sys.exit(1)

    def _named(self, names: Iterable[str]) -> tuple[list[AbstractBaseUser], list[str]]:
        people, unknown = dict[str, AbstractBaseUser](), list[str]()
        for name in dict.fromkeys(names):
            found = accounts.of_identifier(name)
            if len(found) == 1:
                people[found[0].key] = found[0].user
            else:
                unknown.append(name)
        return list(people.values()), unknown

    def _tell(self, counts: dict[str, int], *, as_json: bool) -> None:
        said = json.dumps(counts) if as_json else ", ".join(f"{name} {count}" for name, count in counts.items())
        self.stdout.write(said)
