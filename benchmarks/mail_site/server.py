"""A mail server in a thread, which takes all mail after a while and remembers when each came."""

import asyncio
import time
from typing import Any, Self

from aiosmtpd.controller import Controller

from example_project.servers import free_port


class MailServer:
    """``seconds`` pass before a mail is accepted; any number at once."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.port = free_port()
        self.accepted: list[tuple[float, str]] = []  # when, and whose
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.seconds:
            await asyncio.sleep(self.seconds)
        self.accepted.append((time.time(), envelope.rcpt_tos[0]))
        return "250 OK"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._controller.stop()
