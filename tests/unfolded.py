"""Settings of the example project with its admin dressed by unfold, for a process of its own: which class the admin's
pages build on is decided when they are imported."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from example_project.settings import *  # noqa: F403
from example_project.settings import INSTALLED_APPS, MIDDLEWARE, RECOVERY
from tests.policies import REPORTED

INSTALLED_APPS = ["unfold", *INSTALLED_APPS]
MIDDLEWARE = [*MIDDLEWARE, "tests.policies.policed", "tests.unfolded.following"]
ADMIN_POLICY = REPORTED
"""Reported alone: unfold cannot live under it, which writes a style and evaluates what its templates say."""
RECOVERY = {**RECOVERY, "ADMIN_BASE": "unfold.admin.ModelAdmin"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # that of the test that made the accounts


def following(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """What the test in the other process has set is set here, at each HTTP request: in the file that it named."""
    place = Path(os.environ["UNFOLDED"])

    def answer(request: HttpRequest) -> HttpResponse:
        settings.RECOVERY = {**RECOVERY, **json.loads(place.read_text())}
        return get_response(request)

    return answer
