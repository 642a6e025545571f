"""The processes of the site itself: its worker with beat, and its pages."""

import sys
from collections.abc import Mapping
from pathlib import Path

from example_project import ports
from example_project.servers.minded import ROOT, Server, free_port, mind


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
    server = mind(
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
    server = mind(
        "Site",
        f"http://127.0.0.1:{port}",
        [sys.executable, str(ROOT / "manage.py"), "runserver", "--noreload", f"127.0.0.1:{port}"],
        environment=environment,
    )
    return server.wait_until(lambda: ports.is_listening(port))
