"""The site on threads of this process, through WSGI as a host would run it; static files included.

Nothing of a request is printed: a reset link is a secret, and a terminal is a log.
"""

import threading
from typing import Any, Self

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class Site:
    """A running site. Raises OSError from the start when the port is taken."""

    def __init__(self, host: str, port: int) -> None:
        self._server = ThreadedWSGIServer((host, port), _QuietHandler)
        self._server.set_app(StaticFilesHandler(get_wsgi_application()))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="site", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=2)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()
