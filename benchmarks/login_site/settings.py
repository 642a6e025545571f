"""The environment says who guards the sign-in. Each lane has its guard installed and no other."""

import os
from pathlib import Path

from benchmarks.settings import *  # noqa: F403 - one site, with a guard before its sign-in
from benchmarks.settings import INSTALLED_APPS, MIDDLEWARE, REDIS_URL, TEMPLATES
from example_project.servers import numbered

LANE = os.environ.get("LOGIN_LANE", "django")
GUARDS = {
    "django": None,
    "recovery": "recovery",
    "axes_database": "axes",
    "axes_redis": "axes",
    "defender": "defender",
}
GATES = {
    "recovery": "recovery.middleware.RecoveryMiddleware",
    "axes": "axes.middleware.AxesMiddleware",
    "defender": "defender.middleware.FailedLoginMiddleware",
}
DJANGO = "django.contrib.auth.backends.ModelBackend"
BACKENDS = {
    "recovery": ["recovery.backends.ModelBackend"],
    "axes": ["axes.backends.AxesStandaloneBackend", DJANGO],
}

guard = GUARDS[LANE]
INSTALLED_APPS = [
    *filter(None, [guard]),
    *(each for each in INSTALLED_APPS if each != "recovery" and "allauth" not in each),
]
MIDDLEWARE = [*(each for each in MIDDLEWARE if "allauth" not in each), *filter(None, [GATES.get(str(guard))])]
AUTHENTICATION_BACKENDS = BACKENDS.get(str(guard), [DJANGO])
TEMPLATES[0]["DIRS"] = [str(Path(__file__).with_name("templates"))]
ROOT_URLCONF = "benchmarks.login_site.urls"
LOGIN_REDIRECT_URL = "/nothing/"
PASSWORD_HASHERS = [os.environ.get("LOGIN_HASHER", "django.contrib.auth.hashers.MD5PasswordHasher")]
SILENCED_SYSTEM_CHECKS = ["axes.W001", "axes.W002", "axes.W003", "axes.W004"]

GUARD_REDIS_URL = numbered(REDIS_URL, int(os.environ.get("LOGIN_REDIS", "1")))  # of a peer that counts there
if LANE == "axes_redis":
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": GUARD_REDIS_URL}}
HANDLERS = {"axes_redis": "axes.handlers.cache.AxesCacheHandler"}
AXES_HANDLER = HANDLERS.get(LANE, "axes.handlers.database.AxesDatabaseHandler")
AXES_FAILURE_LIMIT = DEFENDER_LOGIN_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]  # either
AXES_VERBOSE = False
DEFENDER_COOLOFF_TIME = 900  # seconds
DEFENDER_REDIS_URL = GUARD_REDIS_URL
