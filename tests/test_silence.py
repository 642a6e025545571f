"""A provider that has mail of ours and says nothing of it: an alarm, which ends with its next report."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from recovery import alarms, feedback, heartbeats, silence
from recovery.admin.emails import state_of
from recovery.models import Email
from recovery.reasons import Alarm, EmailState, EventKind, Part
from recovery.signals import alarm_sounded
from recovery.sweep import sweep
from tests.following import let_pass
from tests.reporting import queued, report

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def postmark(settings: Any) -> None:
    settings.RECOVERY = settings.RECOVERY | {"WEBHOOKS": {"postmark": {}}}


@pytest.fixture
def sounded() -> Any:
    heard: list[tuple[str, str, str]] = []

    def receiver(alarm: Any, subject: str, detail: str, **kwargs: Any) -> None:
        heard.append((alarm, subject, detail))

    alarms._told.clear()
    alarm_sounded.connect(receiver)
    yield heard
    alarm_sounded.disconnect(receiver)


def left(*recipients: str) -> list[Email]:
    """Mail that Postmark took just now."""
    emails = queued(*recipients)
    for number, email in enumerate(emails):
        facts = {"state": EmailState.HANDED_OVER, "esp": "postmark", "esp_message_id": f"p{number}"}
        Email.objects.filter(pk=email.pk).update(handed_over_at=timezone.now(), **facts)
    return emails


def said_of(email: Email) -> str:
    email.refresh_from_db()
    return str(state_of(email))


def is_red() -> bool:
    [part] = [part for part in heartbeats.health().parts if part.part == Part.WEBHOOK]
    assert part.name == "postmark"
    return not part.healthy


def test_silence_is_an_alarm_that_ends_with_the_next_report(sounded: Any) -> None:
    (email,) = left()
    assert not is_red()
    assert "no news" not in said_of(email)
    let_pass(HOUR)
    assert is_red()
    assert "no news" in said_of(email)
    assert "recovery-good" not in said_of(email)
    sweep()
    sweep()
    assert sounded == [(Alarm.WEBHOOK_SILENT, "postmark", "")]
    feedback.ingest([report(email, "delivered", esp="postmark", raw="{}")])
    assert not is_red()
    assert "no news" not in said_of(email)


def test_what_cannot_be_read_is_no_news() -> None:
    left()
    let_pass(HOUR)
    feedback.ingest([], [feedback.Unread("postmark", "{}", "KeyError: 'RecordType'")])
    assert is_red()


def test_a_provider_that_has_no_mail_of_ours_may_be_silent() -> None:
    queued()
    let_pass(HOUR)
    assert not is_red()


def test_one_mail_without_news_among_others_that_are_told_of_is_no_silence() -> None:
    one, two = left("one@library.example", "two@library.example")
    let_pass(HOUR)
    feedback.ingest([report(two, "delivered", esp="postmark", raw="{}")])
    assert not is_red()
    assert "no news" in said_of(one)
    assert "no news" not in said_of(two)
    let_pass(2 * HOUR)
    assert not is_red(), "what was silent before the last report is no new silence"


def test_how_long_is_the_sites_to_say(settings: Any) -> None:
    left()
    let_pass(HOUR)
    settings.RECOVERY = settings.RECOVERY | {"WEBHOOK_SILENCE": 2 * HOUR}
    assert not is_red()
    let_pass(HOUR)
    assert is_red()


def test_mail_by_a_server_that_never_reports_is_as_it_was_handed_over() -> None:
    (email,) = queued()
    Email.objects.filter(pk=email.pk).update(state=EmailState.HANDED_OVER, handed_over_at=timezone.now())
    let_pass(HOUR)
    assert "no news" not in said_of(email)


def test_a_site_that_waits_for_no_reports_is_not_alarmed(settings: Any) -> None:
    left()
    let_pass(HOUR)
    settings.RECOVERY = settings.RECOVERY | {"WEBHOOKS": {}}
    assert silence.heard() == []


def test_the_provider_is_asked_once_for_each_mail_where_it_can_be(settings: Any, sounded: Any) -> None:
    (email,) = left()
    backend = "anymail.backends.postmark.EmailBackend"
    options = {"server_token": "token", "api_url": "http://127.0.0.1:9/"}  # nobody listens there
    settings.RECOVERY = settings.RECOVERY | {"ROUTES": [{"NAME": "main", "BACKEND": backend, "OPTIONS": options}]}
    Email.objects.filter(pk=email.pk).update(route="main")
    let_pass(HOUR)
    sweep()
    sweep()
    [event] = email.events.filter(kind=EventKind.ASKED)
    assert event.detail == "main · no answer"
    assert sounded == [(Alarm.WEBHOOK_SILENT, "postmark", "main · no answer")]
    assert is_red()
