"""``recovery_purge``: end what is past its time."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from recovery import retention


class Command(BaseCommand):
    help = (
        "Turns expired links into tombstones and removes or blanks rows older than RECOVERY['RETENTION'], suppressions"
        " that are long over, and backup addresses that nobody confirmed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Say what would end; do nothing.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        purged = retention.outlook() if options["dry_run"] else retention.purge()
        if options["json"]:
            self.stdout.write(json.dumps(purged.as_dict()))
        else:
            self.stdout.write(", ".join(f"{name} {count}" for name, count in purged.as_dict().items()))
