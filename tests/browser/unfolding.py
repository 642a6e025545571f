"""The site with its admin dressed by unfold, in a process of its own: ``tests.unfolded`` has its settings."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from example_project.servers import ROOT
from example_project.servers.minded import free_port
from tests.conftest import database_url


@dataclass
class Unfolded:
    """The site under unfold, on the rows of the test, in a process of its own."""

    base: str
    place: Path

    def follow(self, **changes: Any) -> None:
        """Have it say this in its ``RECOVERY`` from its next page on."""
        self.place.write_text(json.dumps(changes))


def running_in_unfold(place: Path) -> Iterator[Unfolded]:
    port = free_port()
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.unfolded", "DATABASE_URL": database_url()}
    command = [sys.executable, "manage.py", "runserver", "--noreload", "--skip-checks", f"127.0.0.1:{port}"]
    environment |= {"RECOVERY_NO_BOOTSTRAP": "1", "UNFOLDED": str(place)}
    site = Unfolded(f"http://127.0.0.1:{port}", place)
    site.follow()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(f"{site.base}/admin/login/", process)
        yield site
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=10).read()
        except OSError:
            assert process.poll() is None, "the site under unfold ended"
            assert time.monotonic() < deadline
            time.sleep(0.2)  # a server that begins to listen announces it to nobody
        else:
            return
