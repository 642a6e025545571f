"""``recovery_incidents``: which failures of mail with links belong together, and how many people still need one."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from recovery import incidents, metrics
from recovery.incidents import Incident


class Command(BaseCommand):
    help = (
        "Tells for which cause, at which recipient domain and by which route mail with links failed for several "
        "people, and how many of them still need one. Exits with 1 if anybody does."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", default="24h", help="24h, 7d, or a date or moment; 24h.")
        parser.add_argument("--until", default="0h", help="The same; now.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        try:
            since, until = (metrics.parse(options[name], now) for name in ("since", "until"))
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from error
        if since >= until:
            raise CommandError("--since must be before --until.", returncode=2)
        found = incidents.find(since, until)
        if options["json"]:
            told = [incident.as_json() for incident in found.incidents]
            window = {"since": found.since.isoformat(), "until": until.isoformat(), "is_cut": found.is_cut}
            self.stdout.write(json.dumps({**window, "incidents": told}))
        else:
            self._print(found.incidents)
        if any(incident.needy for incident in found.incidents):
            sys.exit(1)

    def _print(self, found: list[Incident]) -> None:
        for incident in found:
            which = incident.which
            where = f"{which.domain or 'all domains'} by {which.route or 'no route'}"
            self.stdout.write(
                f"{incident.people} people at {where} since {incident.first_at:%Y-%m-%d %H:%M} UTC, {which.cause}: "
                f"{incident.completed} completed since, {incident.helped} have a newer link, {incident.inactive} are "
                f"inactive or gone, {incident.disputed} have a disputed address, {incident.needy} need one"
            )
        if not found:
            self.stdout.write("Nothing failed for several people in that time.")
