"""``recovery_health``: is everything alive that mail needs? Exit code 0 says yes, 1 says no."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from recovery import heartbeats, metrics
from recovery.reasons import Part


class Command(BaseCommand):
    help = (
        "Tells how beat, sweep, workers, routes and the queue are, and what is wrong. Exits with 1 if anything is red."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")
        parser.add_argument("--forget", metavar="PART", help="Forget a part that was given up: beat, worker:<node>.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["forget"]:
            self._forget(options["forget"])
            return
        found = metrics.health()
        if options["json"]:
            self.stdout.write(json.dumps(found.as_dict()))
        else:
            for part in found.signs.parts:
                colour = self.style.SUCCESS("green") if part.healthy else self.style.ERROR("red")
                self.stdout.write(f"{colour:5} {' '.join(filter(None, [part.part, part.name]))}: {part.said}")
            self.stdout.write(f"{found.signs.waiting} waiting, level {found.signs.level or 'unknown'}")
            for trouble in found.troubles:
                about = " ".join(filter(None, [trouble.alarm.value, trouble.subject]))
                self.stdout.write(f"{self.style.ERROR('alarm')} {about}: {trouble.detail or trouble.alarm.label}")
        if not found.healthy:
            sys.exit(1)

    def _forget(self, named: str) -> None:
        part, _, name = named.partition(":")
        if part not in Part.values or not heartbeats.gone(Part(part), name):
            raise CommandError(f"There is no sign of life of {named}.")
