"""A site whose sign-ins are raced, served by processes of their own. The environment says where its database is."""

import os

from tests import hash_spy
from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS

ROOT_URLCONF = "tests.lockouts.urls"
PASSWORD_HASHERS = [hash_spy.SPY]
DATABASES["default"]["ATOMIC_REQUESTS"] = os.environ.get("ATOMIC_REQUESTS") == "1"
INSTALLED_APPS = [each for each in INSTALLED_APPS if "allauth" not in each]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware", "recovery.middleware.RecoveryMiddleware"]
RECOVERY = {**RECOVERY, "LOGIN_FAILURE_LIMIT": {"source": None}}  # noqa: F405 - everybody comes from one machine
DEBUG = False
LOGGING_CONFIG = None
