"""A doctor with a real worker, a real broker and a provider that reports back: the whole way of a mail."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from example_project import provider as providers
from example_project import servers
from example_project.provider import Provider
from recovery.models import Email, Heartbeat
from recovery.reasons import EmailState, Part
from tests.doctor.examined import ran_for_machines

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

SECRET = "provider:secret"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    provider = providers.start(webhook_url="http://127.0.0.1:1/", secret=SECRET, pace=0.02)
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def worker_environment(provider: Provider) -> Mapping[str, str]:
    return {
        "EMAIL_URL": "postmark://",
        "POSTMARK_SERVER_TOKEN": provider.token,
        "POSTMARK_API_URL": provider.url,
        "ANYMAIL_WEBHOOK_SECRET": SECRET,
    }


def test_a_worker_answers_and_a_test_mail_comes_through(
    provider: Provider, worker: servers.Server, live_server: Any, settings: Any
) -> None:
    provider.webhook_url = f"{live_server.url}/recovery/webhooks/postmark/"
    settings.RECOVERY = {**settings.RECOVERY, "BASE_URL": live_server.url, "WEBHOOKS": {"postmark": {}}}
    looks = [argument for word in ("broker", "webhooks", "clock") for argument in ("--only", word)]
    code, found = ran_for_machines("--send-to", "operator@example.com", "--wait", "60", *looks)
    told = {each["examined"]: each["judgement"] for each in found["findings"]}
    assert told == {"broker": "ok", "webhooks": "ok", "clock": "ok", "test_mail": "ok"}, found
    assert code == 0
    assert Email.objects.get().state == EmailState.DELIVERED
    assert not Heartbeat.objects.filter(part=Part.ECHO).exists()
