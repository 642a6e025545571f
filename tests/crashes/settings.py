"""The example project, for workers that are to be killed: its routes, as JSON, come from the environment."""

import json
import os

from example_project.settings import *  # noqa: F403
from example_project.settings import RECOVERY as EXAMPLE

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
RECOVERY = {
    **EXAMPLE,
    "ROUTES": json.loads(os.environ.get("CRASHES_ROUTES", "[]")),
    "TRUSTED_PROXIES": int(os.environ.get("CRASHES_PROXIES", "0")),
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
