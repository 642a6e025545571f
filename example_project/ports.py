"""What answers at a port of the loopback interface."""

import contextlib
import socket


def answers(port: int, question: bytes, answer: bytes) -> bool:
    """Whether somebody there takes ``question`` and begins to say ``answer``."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(question)
        return connection.recv(64).startswith(answer)
    return False


def is_listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
