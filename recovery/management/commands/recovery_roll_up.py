"""``recovery_roll_up``: bring the hourly figures up to date now, or count them anew."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from recovery import metrics, rollup


class Command(BaseCommand):
    help = "Rolls up the hourly figures until nothing is left to do. Safe beside beat, which does it every minute."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", help="Count anew from then on: 24h, 7d, or a date or moment.")
        parser.add_argument("--dry-run", action="store_true", help="Say how many hours; do nothing.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        hours = 0
        if options["dry_run"]:
            hours = rollup.outlook(self._since(options))
        else:
            if since := self._since(options):
                rollup.again(since)
            left = True
            while left:
                rolled = rollup.roll_up()
                if rolled is None:
                    raise CommandError("Another worker is at it. It goes on where it stands, so try again in a minute.")
                hours, left = hours + rolled.hours, rolled.left
        said = {"hours": hours}
        self.stdout.write(json.dumps(said) if options["json"] else f"hours {hours}")

    def _since(self, options: dict[str, Any]) -> Any:
        try:
            return metrics.parse(options["since"], timezone.now()) if options["since"] else None
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from error
