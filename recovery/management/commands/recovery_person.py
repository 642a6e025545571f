"""``recovery_person``: tell what is held about one person (GDPR Article 15)."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from recovery import privacy
from recovery.management.acting import actor_named, person_meant, system_user
from recovery.origin import printable


class Command(BaseCommand):
    help = "Tells what recovery holds about one person: how many rows of each kind, or with --json all of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="User name, address or key of the account.")
        parser.add_argument(
            "--name", action="append", default=[], help="With a key: user name or address of an account that is gone."
        )
        parser.add_argument("--reason", default="", help="Stays in the trail: name a ticket, not the person.")
        parser.add_argument("--actor", help="User name of the member of staff who does it, with the right to.")
        parser.add_argument("--json", action="store_true", help="Print everything as one JSON document.")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = actor_named(options["actor"], "recovery.export_person")
        person = person_meant(options["user"], options["name"], actor=actor)
        if options["json"]:
            reason = printable(options["reason"]).strip()
            told = privacy.take_out(person, actor=actor, reason=reason, system_user=system_user())
            self.stdout.write(json.dumps(told, ensure_ascii=False, indent=2))
        else:
            counts = ", ".join(f"{kind} {count}" for kind, count in privacy.held(person).items())
            self.stdout.write(f"held: {counts or 'nothing'}")
