"""
``manage.py test``: every test on SQLite and on PostgreSQL, side by side, in one pytest session.

What asks little of the database runs once, in a third process beside the two (``ONE_IS_ENOUGH`` in tests/conftest.py):
it waits for browsers and servers most of the time, and leaves the processor to them. It relieves PostgreSQL's process
of a part as well (``RELIEVED``), so that all three end at about the same time.

It starts a broker and PostgreSQL, then becomes pytest: three processes, one summary, one exit code. Everything
after ``test`` goes to pytest. URLs in the environment (REDIS_URL, DATABASE_URL_postgresql) are used instead of servers
of our own. Bare ``pytest`` runs on SQLite alone, where ``--pdb`` works.
"""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from example_project import servers

PROCESSES = ("sqlite", "postgresql", "beside")


class Command(BaseCommand):
    help = "Run all tests on SQLite and PostgreSQL. Arguments are pytest's, for example: -k webhook -x"
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        if argv[2:] in (["--help"], ["-h"]):
            self.print_help(argv[0], argv[1])
        else:
            self.execute(*argv[2:], force_color=False, no_color=False, skip_checks=True)

    def handle(self, *arguments: str, **options: Any) -> None:
        # What the shell set for the site is not meant for tests.
        for name in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE"):
            os.environ.pop(name, None)
        try:
            broker = servers.broker(os.environ.get("REDIS_URL"))
            postgresql = servers.postgresql(os.environ.get("DATABASE_URL_postgresql"))
        except (servers.ServerUnavailable, servers.ServerDied) as error:
            raise CommandError(str(error)) from error
        for number, name in enumerate(PROCESSES):
            os.environ.setdefault(f"REDIS_URL_{name}", servers.numbered(broker.url, number))
        for name in ("postgresql", "beside"):
            os.environ[f"DATABASE_URL_{name}"] = postgresql.url
        for server in (broker, postgresql):
            if server.process is not None and server.process.stdin is not None:
                # The lifeline goes on to pytest: the servers live as long as the session, however it ends.
                os.set_inheritable(server.process.stdin.fileno(), True)
        processes = [part for name in PROCESSES for part in ("--tx", f"popen//id={name}")]
        os.chdir(servers.ROOT)
        os.execv(sys.executable, [sys.executable, "-m", "pytest", "--dist", "each", *processes, *arguments])  # noqa: S606
