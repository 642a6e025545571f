"""The WSGI door of ``tests.races.settings``, for gunicorn; and gunicorn itself, for other sites, too."""

import http.client
import json
import logging
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from example_project.servers import free_port, mind

PATIENCE = 60  # seconds
JSON = "application/json"
DOOR = "/api/session/"


def application(environ: Any, start_response: Any) -> Any:
    """Set up by the first request: whoever imports this module for ``served`` has a site of its own."""
    return _site()(environ, start_response)


_lock = threading.Lock()
_made: list[Any] = []


def _site() -> Any:
    with _lock:
        if not _made:
            from django.core.wsgi import get_wsgi_application

            _made.append(get_wsgi_application())
            logging.disable(logging.CRITICAL)
        return _made[0]


@contextmanager
def served(
    environment: Mapping[str, str],
    *,
    processes: int,
    threads: int,
    application: str = "tests.races.site",
    door: str = DOOR,
) -> Iterator[int]:
    """gunicorn with so many processes of so many threads, warm at the page ``door``; yields its port."""
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", f"{application}:application", "--worker-class", "gthread",
        "--workers", str(processes), "--threads", str(threads), "--bind", f"127.0.0.1:{port}",
        "--backlog", "512", "--log-level", "critical",
    ]  # fmt: skip
    with mind("gunicorn", f"http://127.0.0.1:{port}", command, environment=environment):
        _warm(port, door, processes * threads)
        yield port


def posted_at_once(port: int, path: str, bodies: Sequence[str], headers: Mapping[str, str]) -> list[int]:
    """Post all of them in one moment, each over a connection that stands; the statuses of the answers."""
    ready = threading.Barrier(len(bodies))
    answers = [0] * len(bodies)

    def post(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.connect()
        ready.wait(PATIENCE)
        connection.request("POST", path, bodies[number], headers)
        answers[number] = connection.getresponse().status
        connection.close()

    threads = [threading.Thread(target=post, args=(number,)) for number in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def signed_in(port: int, name: str, passwords: Sequence[str]) -> int:
    """How many of these let somebody in, tried all at once at a door of REST framework's."""
    bodies = [json.dumps({"username": name, "password": password}) for password in passwords]
    answers = posted_at_once(port, DOOR, bodies, {"Content-Type": JSON})
    assert set(answers) <= {200, 403}, answers
    return answers.count(200)


def _warm(port: int, door: str, times: int) -> None:
    last = time.monotonic() + PATIENCE
    while True:
        try:
            for _ in range(times):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
                connection.request("GET", door)
                connection.getresponse().read()
                connection.close()
        except OSError:
            if time.monotonic() > last:
                raise
            time.sleep(0.05)  # gunicorn announces to nobody that it listens
        else:
            return
