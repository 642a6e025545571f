"""``recovery_unlock``: ends what refuses the sign-ins of people, or of whoever is at a client address."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from recovery import accounts, lockouts, resets
from recovery.management.acting import actor_named
from recovery.models import Lockout
from recovery.origin import Origin, printable
from recovery.reasons import LockKind

RIGHT: Final = "recovery.unlock"


class Command(BaseCommand):
    help = "Ends lockouts: of all accounts that names and addresses mean, and of client addresses."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("identifier", nargs="*", help="User name or address.")
        parser.add_argument("--source", action="append", default=[], metavar="IP", help="A client address.")
        parser.add_argument("--reason", required=True, help="Stays in the audit trail.")
        parser.add_argument("--actor", metavar="USERNAME", help="The member of staff who does it, with their rights.")
        parser.add_argument("--dry-run", action="store_true", help="Say what stands; lift nothing.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        reason = printable(options["reason"]).strip()
        if not reason:
            raise CommandError("Write down why: --reason must not be blank.", returncode=2)
        if not (options["identifier"] or options["source"]):
            raise CommandError("Name somebody, or give a --source.", returncode=2)
        actor = actor_named(options["actor"], RIGHT)
        rows, unknown = self._meant(options["identifier"], options["source"], actor)
        done = resets.unlock([] if options["dry_run"] else rows, actor=actor, reason=reason)
        refused = [{"user": row.user_key, "why": why} for row, why in done.refused]
        told = {"standing": len(rows), "lifted": len(done.lifted), "refused": refused, "unknown": unknown}
        if options["json"]:
            self.stdout.write(json.dumps(told))
        else:
            for identifier in unknown:
                self.stderr.write(f"unknown: {identifier}")
            for each in refused:
                self.stderr.write(f"refused: the lock of account {each['user']}: {each['why']}")
            self.stdout.write(f"standing {len(rows)}, lifted {len(done.lifted)}")
        if unknown or refused:
            sys.exit(1)

    def _meant(self, identifiers: Sequence[str], sources: Sequence[str], actor: Any) -> tuple[list[Lockout], list[str]]:
        """What stands against these, and what means nobody; people out of the actor's scope are nobody."""
        rows, unknown = dict[Any, Lockout](), list[str]()
        for identifier in dict.fromkeys(identifiers):
            people = [account.user for account in accounts.of_identifier(printable(identifier))]
            people = [user for user in people if actor is None or resets.may_act_on(actor, user)]
            if not people:
                unknown.append(identifier)
            for user in people:
                rows |= {row.pk: row for row in lockouts.standing(user)}
        for source in dict.fromkeys(sources):
            key = lockouts.of_source(Origin(ip=source).source)
            standing = Lockout.objects.filter(kind=LockKind.SOURCE, counter_key=key).standing()
            rows |= {row.pk: row for row in standing}
        return list(rows.values()), unknown
