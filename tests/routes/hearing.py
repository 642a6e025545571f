"""The alarms of a block, as the host's receivers hear them once its transaction is committed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.test import TestCase

from recovery.signals import alarm_sounded


@contextmanager
def hearing() -> Iterator[list[tuple[str, str, str]]]:
    """Yields a list of (alarm, subject, detail), complete after the block."""
    heard: list[tuple[str, str, str]] = []

    def hear(alarm: str, subject: str, detail: str, **more: Any) -> None:
        heard.append((alarm, subject, detail))

    alarm_sounded.connect(hear)
    try:
        with TestCase.captureOnCommitCallbacks(execute=True):
            yield heard
    finally:
        alarm_sounded.disconnect(hear)
