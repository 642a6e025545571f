"""Several workers or people in the same moment: threads of this process, each with a connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections


def at_once(*work: Callable[[], Any]) -> list[Any]:
    """What each of them returned. Raises what the first of them raised that failed, after all have ended."""
    ready = threading.Barrier(len(work))

    def run(each: Callable[[], Any]) -> Any:
        try:
            ready.wait(timeout=60)
            return each()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(work)) as threads:
        return list(threads.map(run, work))
