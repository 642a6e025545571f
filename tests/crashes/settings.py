"""The example project, for workers that are to be killed: its routes, as JSON, come from the environment."""

import json
import os

from example_project.settings import *  # noqa: F403
from example_project.settings import RECOVERY as EXAMPLE
from example_project.settings import env

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
RECOVERY = {**EXAMPLE, "ROUTES": json.loads(os.environ.get("CRASHES_ROUTES", "[]"))}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
if env.bool("CRASHES_EAGER_LEASE", default=False):  # no beat: the sweep is called by hand
    CELERY_BEAT_SCHEDULE: dict[str, object] = {}
