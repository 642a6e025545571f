"""A dead provider and a killed worker delay what they held, and nothing is lost."""

import os
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from recovery.models import Email, ResetRequest
from recovery.reasons import EmailReason, EmailState
from recovery.sweep import sweep
from tests.asking import ask, asked, browser, recipients, seen, work
from tests.conftest import database_url
from tests.factories import UserFactory
from tests.following import everything_is_due, story, wait_of

pytestmark = pytest.mark.django_db(transaction=True)

DIE = """
import os, django
django.setup()
from django.conf import settings
settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [{"NAME": "deadly", "BACKEND": "tests.backends.Killed"}]}
from uuid import UUID
from recovery import resets
resets.fulfil(UUID(os.environ["REQUEST"]))
"""


def test_a_worker_killed_between_claim_and_send_delays_the_mail_by_its_lease() -> None:
    user = UserFactory.create()
    ask(browser(), user.email)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url(),
        "REQUEST": str(asked().pk),
    }
    worker = subprocess.run([sys.executable, "-c", DIE], env=environment, check=False, capture_output=True, text=True)
    assert worker.returncode == -signal.SIGKILL, worker.stderr
    email = Email.objects.get()
    assert (email.state, email.attempt_count) == (EmailState.SENDING, 1)
    assert email.lease_until is not None
    everything_is_due()
    assert sweep().tried == 0, "the lease holds: the worker might still be alive"
    Email.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sweep().tried == 1
    assert recipients() == [user.email]
    email.refresh_from_db()
    assert (email.state, email.attempt_count) == (EmailState.HANDED_OVER, 2)
    assert story(email) == ["queued", "sending", "freed", "sending", "handed_over"]


def test_a_worker_killed_before_it_decided_delays_the_request_by_its_lease() -> None:
    user = UserFactory.create()
    ask(browser(), user.email)
    # Claimed, and nothing after it: what a worker leaves that died before its decision was committed.
    lease = timezone.now() + timedelta(seconds=60)
    ResetRequest.objects.update(attempt_count=1, next_try_at=lease)
    assert sweep().decided == 0
    assert work() == [None]
    ResetRequest.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))
    assert sweep().decided == 1
    assert recipients() == [user.email]


def test_a_dead_provider_defers_the_mail_and_a_living_one_gets_it(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    smtp = {
        "NAME": "smtp",
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {"host": "127.0.0.1", "port": port},
    }
    healthy = settings.RECOVERY
    settings.RECOVERY = {**healthy, "ROUTES": [smtp]}
    user = UserFactory.create()
    usual = seen(ask(browser(), "nobody@example.com"))
    assert seen(ask(browser(), user.email)) == usual
    work()
    email = Email.objects.get()
    assert (email.state, email.reason) == (EmailState.DEFERRED, EmailReason.PROVIDER_DOWN)
    assert 0.9 < wait_of(email) < 10.1
    Email.objects.update(next_try_at=timezone.now() + timedelta(hours=1))  # however long this test takes
    assert sweep().tried == 0
    settings.RECOVERY = healthy
    everything_is_due()
    assert sweep().tried == 1
    assert recipients() == [user.email]
    email.refresh_from_db()
    assert (email.state, email.reason, email.attempt_count) == (EmailState.HANDED_OVER, "", 2)
