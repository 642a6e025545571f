"""A server that runs under a minder and ends with whoever started it, and how to wait for it."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent.parent
MINDER = ROOT / "example_project" / "minder.py"


class ServerUnavailable(Exception):
    """There is no such server on this machine; the message says how to get one."""


class ServerDied(Exception):
    """A server ended, or did not answer in time; the message carries the end of its log."""


class Server:
    """One server: where it is, and how to end it. Without a process it is somebody else's, and stays."""

    def __init__(self, name: str, url: str, process: "subprocess.Popen[bytes] | None" = None, log: Path | None = None):
        self.name = name
        self.url = url
        self.process = process
        self.room = log.parent if log else None
        # Held open, because the minder removes the file together with the server.
        self._log = log.open("rb") if log else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def is_alive(self) -> bool:
        return self.process is None or self.process.poll() is None

    @property
    def log(self) -> str:
        """All that the server wrote so far."""
        if self._log is None or self._log.closed:
            return ""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def wait_until(self, is_ready: Callable[[], bool], *, seconds: float = 60) -> Self:
        """Return once ``is_ready``. Raises ServerDied, and stops the server, if that does not come."""
        deadline = time.monotonic() + seconds
        try:
            while not is_ready():
                self.raise_if_dead()
                if time.monotonic() > deadline:
                    raise ServerDied(f"{self.name} did not answer within {seconds:.0f} seconds.\n{self._last_words()}")
                time.sleep(0.02)
        except BaseException:
            self.stop()
            raise
        return self

    def raise_if_dead(self) -> None:
        if not self.is_alive:
            raise ServerDied(f"{self.name} ended by itself.\n{self._last_words()}")

    def stop(self) -> None:
        """End the server and wait for it; a second time is harmless."""
        if self.process is not None:
            if self.process.stdin:
                self.process.stdin.close()
            self.process.wait()
        if self._log is not None:
            self._log.close()

    def _last_words(self) -> str:
        return "\n".join(self.log.splitlines()[-15:])


def free_port() -> int:
    """A port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def mind(
    name: str,
    url: str,
    command: list[str],
    *,
    room: Path | None = None,
    user: str = "",
    stop_signal: str = "SIGTERM",
    environment: Mapping[str, str] | None = None,
) -> Server:
    """Run ``command`` under a minder, which removes ``room`` in the end."""
    room = room or make_room()
    log = room / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(MINDER), stop_signal, user, str(room), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
            process_group=0,
        )
    return Server(name, url, process, log)


def make_room() -> Path:
    return Path(tempfile.mkdtemp(prefix="recovery-server-"))
