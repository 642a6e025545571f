"""Guesses that come all at once to a real server: how many passwords were looked at?"""

import http.client
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.lane import CSRF
from example_project.servers.minded import free_port

GUESSES = 50
HASH = "0.05"  # seconds that comparing a password takes


def run(environment: dict[str, str], name: str, *, threads: int, processes: int = 2) -> int:
    """Passwords that gunicorn's processes compared, of fifty wrong ones for ``name``."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="recovery-race-") as folder:
        spied = Path(folder) / "hashed"
        server = subprocess.Popen(
            [
                sys.executable, "-m", "gunicorn", "benchmarks.login_site.wsgi", "--worker-class", "gthread",
                "--workers", str(processes), "--threads", str(threads), "--bind", f"127.0.0.1:{port}",
                "--log-level", "critical",
            ],
            env={
                **environment,
                "DJANGO_SETTINGS_MODULE": "benchmarks.login_site.settings",
                "LOGIN_HASHER": "tests.hash_spy.SpyHasher",
                "TESTS_HASH_SPY": str(spied),
                "TESTS_HASH_SPY_SECONDS": HASH,
            },
        )  # fmt: skip
        try:
            _wait_for(port)
            spied.write_bytes(b"")
            ready = threading.Barrier(GUESSES)
            guesses = [threading.Thread(target=_guess, args=(port, name, each, ready)) for each in range(GUESSES)]
            for guess in guesses:
                guess.start()
            for guess in guesses:
                guess.join()
            return spied.stat().st_size
        finally:
            server.terminate()
            server.wait(30)


def _guess(port: int, name: str, number: int, ready: threading.Barrier) -> None:
    body = urlencode({"username": name, "password": f"wrong-{number}"})
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": f"csrftoken={CSRF}",
        "X-CSRFToken": CSRF,
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.connect()
    ready.wait()
    connection.request("POST", "/login/", body, headers)
    connection.getresponse().read()
    connection.close()


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            for _ in range(6):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                connection.request("GET", "/login/")
                connection.getresponse().read()
                connection.close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("gunicorn does not answer")
