"""
The example project's settings, for tests: an environment that is the same everywhere, and a fast password hasher.

In what a test does not say, it sees what a site sees.
"""

import os

from tests import databases

databases.claim()
for name, value in {
    "DEBUG": "1",
    "SECRET_KEY": "for tests only",
    "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "EMAIL_URL": "consolemail://",
    "RECOVERY_BASE_URL": "https://library.example",
    "POSTMARK_SERVER_TOKEN": "",
    "ANYMAIL_WEBHOOK_SECRET": "provider:secret",
}.items():
    os.environ.setdefault(name, value)

from example_project.settings import *  # noqa: E402, F403
from example_project.settings import DATABASES, INSTALLED_APPS, MIDDLEWARE  # noqa: E402

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["TEST"] = {"NAME": f"{DATABASES['default']['NAME']}.test"}
    # Twenty threads that write at once wait for each other in no order, and the machine may be slow.
    DATABASES["default"]["OPTIONS"]["timeout"] = 120

# Where the rows of recovery are for tests of a site that routes them away from its own.
DATABASES["elsewhere"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}

# allauth's verified addresses are one of the sources that recovery reads. People are user models of other hosts. The
# others are kinds of tokens that end with the password.
INSTALLED_APPS = [
    *INSTALLED_APPS,
    "allauth",
    "allauth.account",
    "tests.people",
    "rest_framework",
    "rest_framework.authtoken",
    "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
    "knox",
]
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware", "tests.policies.policed"]

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
