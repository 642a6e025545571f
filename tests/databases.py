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

BESIDE = "beside"
"""The process of ``manage.py test`` that runs what is no matter of one database or the other."""


def claim() -> None:
    """Put this process's URLs under the names that the settings read. Its own children find them and change nothing."""
    own_name = process()
    if os.environ.get(CLAIMED) == own_name:
        return
    os.environ[CLAIMED] = own_name
    for name in ("DATABASE_URL", "REDIS_URL"):
        if own := os.environ.get(f"{name}_{own_name}"):
            os.environ[name] = own
    if is_one_of_several():
        # The xdist controller of `manage.py test` runs no test and needs no server.
        os.environ.setdefault("REDIS_URL", NOWHERE)
    elif "REDIS_URL" not in os.environ:
        os.environ["REDIS_URL"] = start_broker()
    elif number := re.fullmatch(r"gw(\d+)", own_name):
        os.environ["REDIS_URL"] = servers.numbered(os.environ["REDIS_URL"], int(number[1]) + 1)
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        # A file, not memory: a worker's process and a live server's threads must see the same rows.
        os.environ["DATABASE_URL"] = f"sqlite:///{make_folder() / 'site.sqlite3'}"


def process() -> str:
    """This process's name: ``sqlite``, ``postgresql`` or ``beside`` under ``manage.py test``."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


def is_one_of_several() -> bool:
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
