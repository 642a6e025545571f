"""A mail server that follows a script: SMTP as far as a client needs it, and every word of the client kept."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from recovery.routes import Route

BACKEND = "django.core.mail.backends.smtp.EmailBackend"
HANG_UP, HANG = "hang up", "hang"
OK = {
    "CONNECT": "220 mx.example",
    "EHLO": "250-mx.example\r\n250 STARTTLS",
    "STARTTLS": "454 4.7.0 TLS not available",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go on",
    "BODY": "250 taken",
    "RSET": "250 ok",
    "QUIT": "221 bye",
}


class Script:
    """What the server replies to each command. HANG_UP and HANG instead of a reply end the talk, or keep it waiting."""

    def __init__(self, **replies: str) -> None:
        self.replies = {**OK, **replies}
        self.later: dict[str, str] = {}  # replies that change with the second connection
        self.heard: list[str] = []  # commands, of all connections
        self.lines: list[str] = []  # the same, whole
        self.bodies: list[bytes] = []
        self.connections = 0
        self.port = 0
        self.let_go = threading.Event()

    def route(self, **options: Any) -> Route:
        spec = {"BACKEND": BACKEND, "OPTIONS": {"host": "127.0.0.1", "port": self.port, "timeout": 20, **options}}
        return Route(name=f"smtp {self.port}", spec=spec)


class Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        script: Script = self.server.script  # type: ignore[attr-defined]
        script.connections += 1
        if script.connections > 1:
            script.replies |= script.later
        goes_on = self.reply(script, "CONNECT")
        while goes_on and (line := self.rfile.readline()):
            command = line.decode("latin-1").split()[0].upper() if line.split() else ""
            script.heard.append(command)
            script.lines.append(line.decode("latin-1").strip())
            goes_on = self.reply(script, command)
            if goes_on and command == "DATA" and script.replies["DATA"].startswith("354"):
                goes_on = self.body(script)

    def body(self, script: Script) -> bool:
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        script.bodies.append(b"".join(lines))
        return self.reply(script, "BODY")

    def reply(self, script: Script, command: str) -> bool:
        said = script.replies.get(command, "500 5.5.1 What?")
        if said == HANG:
            script.let_go.wait(30)
        if said in (HANG, HANG_UP):
            return False
        self.wfile.write(f"{said}\r\n".encode())
        return command != "QUIT"


@contextmanager
def mail_server(**replies: str) -> Iterator[Script]:
    """A server on this machine that replies as told; change its ``replies`` to change its mind."""
    script = Script(**replies)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as server:
        server.daemon_threads = True
        server.block_on_close = False
        server.script = script  # type: ignore[attr-defined]
        script.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield script
        finally:
            script.let_go.set()
            server.shutdown()
            thread.join()
