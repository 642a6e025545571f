"""The one web worker of ``timing`` and its like: the site on localhost, with keep-alive, and a delay to be planted.

``python -m benchmarks.server PORT``. The delay lives here, around the site, and not in it: a request with
``X-Benchmark: 1`` waits a millisecond longer, as a look-up of an account would.
"""

import os
import socketserver
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

PLANTED = 0.001


class PlantedDelay:
    """Around the site: the leak that the protocol must find."""

    def __init__(self, site: Callable[..., Iterable[bytes]]) -> None:
        self.site = site

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("HTTP_X_BENCHMARK") == "1":
            until = time.perf_counter() + PLANTED
            while time.perf_counter() < until:
                pass
        return self.site(environ, start_response)


def main(port: int) -> None:
    from benchmarks import stage

    stage.set_up(os.environ["DATABASE_URL"], settings=os.environ["DJANGO_SETTINGS_MODULE"], trusted_proxies=1)
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    class Server(ThreadedWSGIServer):
        daemon_threads = True

    class Handler(WSGIRequestHandler):
        disable_nagle_algorithm = True

    assert issubclass(ThreadedWSGIServer, socketserver.ThreadingMixIn)  # else it would close every connection
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    server = Server(("127.0.0.1", port), Handler)
    server.set_app(PlantedDelay(get_wsgi_application()))
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
