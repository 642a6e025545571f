"""``recovery_erase``: erase what is held about one person (GDPR Article 17)."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from recovery import privacy
from recovery.management.acting import actor_named, person_meant, system_user
from recovery.origin import printable


class Command(BaseCommand):
    help = (
        "Erases what recovery holds about one person. The account stays, and so does the trail, which names nobody. "
        "What is left because a worker is at it, the sweep erases."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="User name, address or key of the account.")
        parser.add_argument(
            "--name", action="append", default=[], help="With a key: user name or address of an account that is gone."
        )
        parser.add_argument("--reason", default="", help="Stays in the trail: name a ticket, not the person.")
        parser.add_argument("--actor", help="User name of the member of staff who does it, for the trail.")
        parser.add_argument("--dry-run", action="store_true", help="Say how many rows are held; erase nothing.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = actor_named(options["actor"])
        person = person_meant(options["user"], options["name"], actor=actor)
        if options["dry_run"]:
            told = privacy.Erased(held=privacy.held(person))
        else:
            reason = printable(options["reason"]).strip()
            told = privacy.erase(person, actor=actor, reason=reason, system_user=system_user())
        if options["json"]:
            self.stdout.write(json.dumps(told.as_dict()))
        else:
            counts = ", ".join(f"{kind} {count}" for kind, count in told.held.items())
            self.stdout.write(f"held: {counts or 'nothing'}; left: {told.left}")
        if told.left:
            sys.exit(1)
