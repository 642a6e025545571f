"""``recovery_sweep``: take on what a lost ring or a dead worker left, once or for ever."""

import json
import signal
from argparse import ArgumentParser
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections

from recovery import sweep, watch


class Command(BaseCommand):
    help = "Decides due requests and sends due mail. Safe beside beat, workers and other sweeps."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--loop", action="store_true", help="Go on until TERM or INT, for sites without beat.")
        parser.add_argument("--interval", type=float, default=15.0, help="Seconds between sweeps of --loop.")
        parser.add_argument("--dry-run", action="store_true", help="Say what is due; do nothing.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object a sweep.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["loop"] and not options["dry_run"]:
            self._loop(options["interval"], as_json=options["json"])
        elif options["dry_run"]:
            self._tell(sweep.outlook(), as_json=options["json"])
        else:
            self._tell(sweep.sweep(), as_json=options["json"])
            watch.keep()

    def _loop(self, interval: float, *, as_json: bool) -> None:
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            close_old_connections()
            wait = interval
            try:
                swept = sweep.sweep(stop)
                watch.keep()
            except DatabaseError as error:  # the database restarts; rows wait
                self.stderr.write(f"{type(error).__name__}; trying again in {interval:g} s")
            else:
                self._tell(swept, as_json=as_json)
                wait = 0 if swept.left and swept.tried else interval
            stop.wait(wait)

    def _tell(self, swept: sweep.Swept, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(swept.as_dict()))
        else:
            self.stdout.write(", ".join(f"{name} {count}" for name, count in swept.as_dict().items()))
