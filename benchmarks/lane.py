"""Requests without a network: a ``WSGIHandler`` called with a hand-made environ, as a browser would ask.

Every request comes from an address of its own, so that no limit of anybody is reached.
"""

import io
import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test.utils import override_settings

CSRF = "a" * 32
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ALLAUTH = "allauth.account.middleware.AccountMiddleware"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and after how many seconds."""

    seconds: float
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def location(self) -> str:
        return next((value for name, value in self.headers if name.lower() == "location"), "")

    @property
    def cookies(self) -> dict[str, str]:
        jar: SimpleCookie = SimpleCookie()
        for name, value in self.headers:
            if name.lower() == "set-cookie":
                jar.load(value)
        return {name: morsel.value for name, morsel in jar.items()}


class Lane:
    """The site behind its middleware. allauth's is left out where allauth is not asked."""

    def __init__(self, *, allauth: bool = False) -> None:
        with override_settings(MIDDLEWARE=[each for each in settings.MIDDLEWARE if allauth or each != ALLAUTH]):
            self._handler = WSGIHandler()

    def ask(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
    ) -> Answer:
        environ = _environ(method, path, urlencode(form or {}).encode(), {"csrftoken": CSRF, **(cookies or {})})
        got: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            got.update(status=int(status[:3]), headers=headers)

        begin = time.perf_counter()
        response = self._handler(environ, start)
        body = b"".join(response)
        response.close()
        return Answer(time.perf_counter() - begin, got["status"], got["headers"], body)


def fresh_ip() -> str:
    """An address that nobody had before."""
    number = next(_numbers)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


@contextmanager
def without_allauth() -> Iterator[None]:
    """A site that never had allauth: nobody reads or fills its table of addresses."""
    with override_settings(INSTALLED_APPS=[each for each in settings.INSTALLED_APPS if "allauth" not in each]):
        yield


@dataclass(slots=True)
class Count:
    """SQL statements without BEGIN, COMMIT and savepoints; and commits, also those of a statement on its own."""

    statements: list[str] = field(default_factory=list)
    commits: int = 0


@contextmanager
def counting() -> Iterator[Count]:
    """Count what the default connection is asked to do."""
    count = Count()

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        verb = sql.split(None, 1)[0].upper()
        if verb not in {"BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK"}:
            count.statements.append(sql)
            is_write = verb in {"INSERT", "UPDATE", "DELETE", "WITH"}
            count.commits += is_write and not connection.in_atomic_block
        return execute(sql, params, many, context)

    commit = connection._commit

    def counted_commit() -> Any:
        count.commits += 1
        return commit()

    connection._commit = counted_commit
    try:
        with connection.execute_wrapper(look):
            yield count
    finally:
        del connection._commit


def _environ(method: str, path: str, body: bytes, cookies: Mapping[str, str]) -> dict[str, Any]:
    path, _, query = path.partition("?")
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": fresh_ip(),
        "HTTP_HOST": "testserver",
        "HTTP_USER_AGENT": BROWSER,
        "HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8",
        "HTTP_ACCEPT_LANGUAGE": "en",
        "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "HTTP_X_CSRFTOKEN": CSRF,
        "HTTP_SEC_FETCH_MODE": "navigate",
        "HTTP_SEC_FETCH_DEST": "document",
        "HTTP_SEC_FETCH_SITE": "same-origin",
        "CONTENT_TYPE": "application/x-www-form-urlencoded" if method == "POST" else "",
        "CONTENT_LENGTH": str(len(body)) if method == "POST" else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
