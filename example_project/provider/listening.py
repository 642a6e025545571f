"""The port and its connections, those included that a caller keeps alive."""

import contextlib
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.1"


class Listener(ThreadingHTTPServer):
    """A loopback port, each call in a thread of its own."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    provider: Any

    def __init__(self, port: int, listener: socket.socket | None, handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: dict[socket.socket, Any] = {}
        self._listener = listener
        super().__init__((HOST, port), handler)

    def server_bind(self) -> None:
        if self._listener is None:
            super().server_bind()
        else:
            self.socket.close()
            self.socket = self._listener
            self.server_address = self._listener.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open[request] = client_address
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self._open.pop(request, None)

    def is_left_alone(self, seconds: float) -> bool:
        """Wait until the last caller is gone and all that it said was taken; False if that takes longer."""
        deadline = time.monotonic() + seconds
        with socket.create_connection((HOST, self.server_address[1])) as last:  # behind all who wait to be let in
            own = last.getsockname()
            while not any(address == own for address in list(self._open.values())):
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.005)
        while self._open and time.monotonic() < deadline:
            time.sleep(0.005)
        return not self._open

    def hang_up(self) -> None:
        """Ends the kept-alive connections too: a sender's pool must not go on talking to a provider that is dead."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no news: crash tests kill callers by the hundred."""
