"""The benchmarks' site with the sign-in page of this app, counted as ``docs/lockout.md`` says."""

from benchmarks.settings import *  # noqa: F403 - one site, with another sign-in
from benchmarks.settings import MIDDLEWARE

MIDDLEWARE = [*MIDDLEWARE, "recovery.middleware.RecoveryMiddleware"]
AUTHENTICATION_BACKENDS = ["recovery.backends.ModelBackend"]
ROOT_URLCONF = "benchmarks.sign_in_site.urls"
