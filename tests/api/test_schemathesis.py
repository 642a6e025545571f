"""What the OpenAPI document allows, and what it does not, sent to every call under WSGI and ASGI (case 76).

A few made-up bodies for each, always the same. For many: ``SCHEMATHESIS_EXAMPLES=500``, and other ones each time.
"""

import os
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as pace
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import ignored_auth

from example_project.asgi import application as asgi
from example_project.wsgi import application as wsgi
from tests.api.calling import API, member

EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "")
CONFIG = {
    "base-url": f"http://localhost{API}".rstrip("/"),
    "generation": {"max-examples": int(EXAMPLES or 5), "deterministic": not EXAMPLES},
    # A body of the right shape may still name a dead link, nobody's account, or a password against the rules.
    "checks": {
        "positive_data_acceptance": {"expected-statuses": ["2xx", 403, 404, 410, 422, 429]},
        "negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429]},
    },
}
DOCUMENT = f"{API}openapi.json"  # fetched while tests are collected: no call of it asks the database
UNDER_WSGI = schemathesis.openapi.from_wsgi(DOCUMENT, wsgi, config=SchemathesisConfig.from_dict(CONFIG))
UNDER_ASGI = schemathesis.openapi.from_asgi(DOCUMENT, asgi, config=SchemathesisConfig.from_dict(CONFIG))
PACED = pace(deadline=None, suppress_health_check=list(HealthCheck))  # its fixtures hold for all examples of a call
OURS = [ignored_auth]  # it takes our header for one of its own; who may call is tried in test_members
RIGHTS = ("diagnose", "send_reset", "unlock", "view_email", "view_rollup")

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def authorization(settings: Any) -> dict[str, str]:
    client = member(settings, *(f"recovery.{right}" for right in RIGHTS))
    wide = {name: (100_000, timedelta(hours=1)) for name in ("source", "staff")}
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": wide}
    settings.ALLOWED_HOSTS = ["*"]
    return {"Authorization": client.defaults["HTTP_AUTHORIZATION"]}


@pytest.mark.attack(76)
@UNDER_WSGI.parametrize()
@PACED
def test_every_call_does_what_the_document_says_under_wsgi(case: Any, authorization: dict[str, str]) -> None:
    case.call_and_validate(headers=authorization, excluded_checks=OURS)


@pytest.mark.attack(76)
@UNDER_ASGI.parametrize()
@PACED
def test_every_call_does_what_the_document_says_under_asgi(case: Any, authorization: dict[str, str]) -> None:
    case.call_and_validate(headers=authorization, excluded_checks=OURS)
