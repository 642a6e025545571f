"""Where the demo's parts will be: ports, keys, the folder of its database; told to all of them by the environment.

Settings are read once, when Django starts. So ``manage.py demo`` makes its plan, puts it into the environment, and
begins anew; from there on the site, the worker and the command run on the settings that a host would give them.
"""

import json
import os
import secrets
import socket
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn, Self

from example_project import servers

HOST = "127.0.0.1"
VARIABLE = "RECOVERY_DEMO"
SITE_PORT, PROVIDER_PORT = 8000, 8025


class PortTaken(Exception):
    """Somebody listens on the port that was asked for."""


@dataclass(frozen=True)
class Plan:
    """The demo's own part of the environment. ``broker_port`` is None where the broker is somebody else's or memory.

    The two sockets listen from the plan on, so that nobody takes their ports meanwhile; only this process has them.
    """

    room: str
    site_port: int
    site_socket: int
    provider_port: int
    provider_socket: int
    broker_port: int | None
    has_own_database: bool

    @property
    def site_url(self) -> str:
        return f"http://{HOST}:{self.site_port}"

    @property
    def provider_url(self) -> str:
        return f"http://{HOST}:{self.provider_port}/"

    @classmethod
    def read(cls) -> Self | None:
        """The plan that this process was started with, if it was."""
        text = os.environ.get(VARIABLE)
        return cls(**json.loads(text)) if text else None


def make(port: int | None) -> Plan:
    """Choose. Raises PortTaken when ``port`` is."""
    site = _listen(port) if port else _listen(SITE_PORT, 0)
    provider = _listen(PROVIDER_PORT, 0)
    needs_broker = not os.environ.get("REDIS_URL") and servers.broker_program() is not None
    return Plan(
        # Named here and made by ``stage``, beside the server that will remove it.
        room=str(Path(tempfile.gettempdir()) / f"recovery-demo-{secrets.token_hex(8)}"),
        site_port=site.getsockname()[1],
        site_socket=site.detach(),
        provider_port=provider.getsockname()[1],
        provider_socket=provider.detach(),
        broker_port=servers.free_port() if needs_broker else None,
        has_own_database=not os.environ.get("DATABASE_URL"),
    )


def begin_anew(plan: Plan) -> NoReturn:
    """Run the same command again in this process, in the environment of the plan."""
    sys.stdout.flush()
    for number in (plan.site_socket, plan.provider_socket):
        os.set_inheritable(number, True)
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **environment(plan)})  # noqa: S606


def environment(plan: Plan) -> dict[str, str]:
    """What the plan adds to the environment. A given database or broker stays; mail never leaves the machine."""
    broker = "memory://" if plan.broker_port is None else f"redis://{HOST}:{plan.broker_port}/0"
    return {
        VARIABLE: json.dumps(asdict(plan)),
        "SECRET_KEY": os.environ.get("SECRET_KEY") or secrets.token_urlsafe(50),
        # As in development: this site is spoken to without TLS.
        "DEBUG": "true",
        "ALLOWED_HOSTS": f"{HOST},localhost",
        "DATABASE_URL": os.environ.get("DATABASE_URL") or f"sqlite:///{plan.room}/demo.sqlite3",
        "REDIS_URL": os.environ.get("REDIS_URL") or broker,
        "RECOVERY_BASE_URL": plan.site_url,
        "INBOX_URL": plan.provider_url,
        "CASE_MAIL_TO": "support@example.org",
        "EMAIL_URL": "postmark://",
        "POSTMARK_API_URL": plan.provider_url,
        "POSTMARK_SERVER_TOKEN": secrets.token_urlsafe(24),
        "ANYMAIL_WEBHOOK_SECRET": f"postmark:{secrets.token_urlsafe(24)}",
    }


def adopt(number: int) -> socket.socket:
    """A socket of the plan, from here on for this process alone."""
    os.set_inheritable(number, False)
    return socket.socket(fileno=number)


def _listen(*ports: int) -> socket.socket:
    """A socket on the first of the ports that is free; 0 is any."""
    for port in ports:
        listener = socket.socket()
        # As servers do: a port whose last connections are only just closing counts as free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(128)
        except OSError:
            listener.close()
        else:
            return listener
    raise PortTaken(f"Port {ports[0]} is taken. Choose another with --port, or leave it out and let the demo find one.")
