"""The site of the benchmarks of the admin: two audiences, three routes, and post_office's own log beside ours where it
is installed."""

from importlib.util import find_spec

from benchmarks.settings import *  # noqa: F403 - one site, with a peer's log
from benchmarks.settings import INSTALLED_APPS, RECOVERY

INSTALLED_APPS = [*INSTALLED_APPS, *filter(find_spec, ["post_office"])]
RECOVERY = {
    **RECOVERY,
    "AUDIENCES": {"portal": {"BASE_URL": "https://portal.benchmark.example"}},
    "ROUTES": [
        {"NAME": name, "BACKEND": "django.core.mail.backends.locmem.EmailBackend"}
        for name in ("main", "spare", "former")
    ],
}
