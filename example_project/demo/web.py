"""The site on threads of this process, through WSGI as a host would run it; static files included.

Nothing of a request is printed: a reset link is a secret, and a terminal is a log.
"""

import socket
import threading
from typing import Any, Self

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class _Server(ThreadedWSGIServer):
    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        super().__init__(listener.getsockname(), _QuietHandler)

    def server_bind(self) -> None:
        """Takes the socket that listens already."""
        self.socket.close()
        self.socket = self._listener
        self.server_name, self.server_port = self._listener.getsockname()
        self.setup_environ()


class Site:
    """A running site, on a socket that listens already."""

    def __init__(self, listener: socket.socket) -> None:
        self._server = _Server(listener)
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
