"""
Gives every test process its own database and its own broker, before Django reads its settings.

``manage.py test`` hands out ``DATABASE_URL_<process>`` and ``REDIS_URL_<process>``. Bare pytest hands out nothing: it
gets SQLite and a broker of its own, which its xdist processes share under numbers of their own. For ``--pdb`` on
PostgreSQL, give it a ``DATABASE_URL``.
"""

import atexit
import os
import re
import tempfile
from pathlib import Path

from example_project import servers

NOWHERE = "redis://127.0.0.1:1/0"
"""Refuses every connection. Without a broker mail waits for the sweep, and tests that need one are skipped."""

CLAIMED = "TESTS_CLAIMED_BY"


def claim() -> None:
    """Put this process's URLs under the names that the settings read. Its own children find them and change nothing."""
    process = os.environ.get("PYTEST_XDIST_WORKER", "main")
    if os.environ.get(CLAIMED) == process:
        return
    os.environ[CLAIMED] = process
    for name in ("DATABASE_URL", "REDIS_URL"):
        if own := os.environ.get(f"{name}_{process}"):
            os.environ[name] = own
    if is_one_of_a_pair():
        # The xdist controller of `manage.py test` runs no test and needs no server.
        os.environ.setdefault("REDIS_URL", NOWHERE)
    elif "REDIS_URL" not in os.environ:
        os.environ["REDIS_URL"] = start_broker()
    elif number := re.fullmatch(r"gw(\d+)", process):
        os.environ["REDIS_URL"] = servers.numbered(os.environ["REDIS_URL"], int(number[1]) + 1)
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        # A file, not memory: a worker's process and a live server's threads must see the same rows.
        os.environ["DATABASE_URL"] = f"sqlite:///{make_folder() / 'site.sqlite3'}"


def is_one_of_a_pair() -> bool:
    return "DATABASE_URL_postgresql" in os.environ


def start_broker() -> str:
    try:
        server = servers.broker()
    except servers.ServerUnavailable:
        return NOWHERE
    atexit.register(server.stop)
    return server.url


def make_folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="recovery-tests-")
    atexit.register(folder.cleanup)
    return Path(folder.name)
