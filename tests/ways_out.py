"""Ways out for mail in tests: routes as a site would set them, providers that answer as they are told."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.mail.backends.base import BaseEmailBackend

from recovery.models import RouteState

LOCMEM = "django.core.mail.backends.locmem.EmailBackend"


class Told(BaseEmailBackend):
    """Takes what it is given, after it did what the test says: wait, look, or raise."""

    given: list[Any] = []
    then: Callable[[Any], object] = staticmethod(lambda message: None)
    _lock = threading.Lock()

    def send_messages(self, email_messages: Any) -> int:
        for message in email_messages:
            with self._lock:
                self.given.append(message)
            type(self).then(message)
        return len(email_messages)


@contextmanager
def told(settings: Any, then: Callable[[Any], object] = lambda message: None, **more: Any) -> Iterator[list[Any]]:
    """Mail leaves by a provider that does ``then`` with each; yields what it was given. ``more``: of the route."""
    Told.given, Told.then = [], staticmethod(then)
    with routes(settings, {"NAME": "main", "BACKEND": f"{__name__}.Told", **more}):
        yield Told.given


@contextmanager
def routes(settings: Any, *given: dict[str, Any]) -> Iterator[None]:
    """These are the site's routes for a while."""
    before = settings.RECOVERY
    settings.RECOVERY = {**before, "ROUTES": list(given)}
    yield
    settings.RECOVERY = before


def raising(error: BaseException) -> Callable[[Any], object]:
    def fail(message: Any) -> None:
        raise error

    return fail


def forget_trouble() -> None:
    """All circuits are closed."""
    RouteState.objects.all().delete()
