"""Settings of the example project with its admin dressed by unfold, for a process of its own: which class the admin's
pages build on is decided when they are imported."""

import json
import os

from example_project.settings import *  # noqa: F403
from example_project.settings import INSTALLED_APPS, RECOVERY

INSTALLED_APPS = ["unfold", *INSTALLED_APPS]
RECOVERY = {**RECOVERY, "ADMIN_BASE": "unfold.admin.ModelAdmin", **json.loads(os.environ.get("UNFOLDED", "{}"))}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # that of the test that made the accounts
