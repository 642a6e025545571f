"""The command, and its test mail: how far it came, and what it says is missing."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from recovery import doctor, level, sweep
from recovery.models import AuditEvent, Email
from recovery.reasons import Action, EmailKind, EmailState, Judgement, MailLevel
from tests.doctor.examined import ran, ran_for_machines
from tests.factories import StaffFactory
from tests.living import everything_lives
from tests.ways_out import Told, raising, told
from tests.webhooks import posts

pytestmark = pytest.mark.django_db(transaction=True)

TO = "operator@example.com"
OK, NOTICE, PROBLEM = Judgement.OK, Judgement.NOTICE, Judgement.PROBLEM


def reported(message: Any) -> None:
    """Postmark tells of the delivery before its own answer is noted, which it may."""
    email_id = message.metadata["recovery_email_id"]
    body = posts.text("postmark", "delivered", email_id=email_id, message_id="m", recipient=TO)
    auth = {"HTTP_AUTHORIZATION": "Basic cHJvdmlkZXI6c2VjcmV0"}
    answer = Client().post("/recovery/webhooks/postmark/", body, content_type="application/json", **auth)
    assert answer.status_code == 200


@pytest.fixture
def postmark(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """The way out is Postmark, which reports back."""
    monkeypatch.setattr(Told, "esp_name", "Postmark", raising=False)
    settings.RECOVERY = {**settings.RECOVERY, "WEBHOOKS": {"postmark": {}}}


def followed(**facts: Any) -> tuple[Judgement, str, str]:
    email = doctor.send(TO)
    if facts:
        Email.objects.update(**facts)
        email.refresh_from_db()
    symptom = doctor.follow(email, within=0)
    return symptom.judgement, symptom.said, symptom.what_next


@pytest.mark.usefixtures("workers", "postmark")
def test_a_test_mail_is_followed_to_its_delivered_event(settings: Any) -> None:
    everything_lives()
    with told(settings, reported) as given:
        code, found = ran_for_machines("--send-to", TO, "--wait", "5", "--only", "clock")
    [message] = given
    assert (code, found["healthy"]) == (0, True)
    assert message.to == [TO]
    assert found["test_mail"]["state"] == EmailState.DELIVERED
    assert found["findings"][-1]["examined"] == "test_mail"
    assert found["findings"][-1]["judgement"] == OK
    email = Email.objects.get()
    assert email.kind == EmailKind.TEST
    assert AuditEvent.objects.get(action=Action.TEST_MAIL_SENT).email_id == email.pk


@pytest.mark.usefixtures("workers", "postmark")
def test_without_a_report_it_says_that_the_webhook_is_missing(settings: Any) -> None:
    with told(settings):
        code, found = ran_for_machines("--send-to", TO, "--wait", "0.3", "--only", "clock")
    assert code == 1
    assert "has not said what became of it" in found["findings"][-1]["said"]
    assert "webhook" in found["findings"][-1]["what_next"]


@pytest.mark.usefixtures("workers")
def test_a_way_out_that_reports_nothing_is_not_waited_for(settings: Any) -> None:
    with told(settings):
        judgement, said, _ = followed()
    assert (judgement, "reports nothing back" in said) == (NOTICE, True)


def test_without_a_worker_it_says_so() -> None:
    judgement, said, advice = followed()
    assert (judgement, "no worker" in said, "worker" in advice) == (PROBLEM, True, True)


def test_the_level_holds_a_test_mail_back_as_any_other() -> None:
    level.switch(MailLevel.NONE, actor=StaffFactory.create(), reason="a test")
    judgement, said, advice = followed()
    assert (judgement, "held back" in said, "level" in advice) == (PROBLEM, True, True)


@pytest.mark.parametrize("state", [EmailState.BOUNCED, EmailState.FAILED, EmailState.EXPIRED, EmailState.UNKNOWN])
def test_every_other_end_is_a_problem_with_something_to_do(state: str) -> None:
    judgement, said, advice = followed(state=state)
    assert judgement == PROBLEM
    assert said
    assert advice


def test_a_mail_that_a_provider_refuses_says_why(settings: Any) -> None:
    with told(settings, raising(ConnectionRefusedError())):
        email = doctor.send(TO)
        sweep.sweep()
        symptom = doctor.follow(email, within=0)
    email.refresh_from_db()
    assert symptom.judgement == PROBLEM
    assert str(email.get_reason_display()) in symptom.said


def test_exit_codes_tell_a_problem_from_bad_usage() -> None:
    code, printed = ran("--only", "parts")
    assert code == 1
    assert "problem" in printed
    for wrong in (["--send-to", "nobody"], ["--send-to", TO, "--audience", "moon"]):
        with pytest.raises(CommandError) as error:
            call_command("recovery_doctor", *wrong)
        assert error.value.returncode == 2
    assert not Email.objects.exists()


@pytest.mark.usefixtures("workers")
def test_where_nothing_is_wrong_it_exits_with_nothing() -> None:
    everything_lives()
    code, found = ran_for_machines()
    assert [each for each in found["findings"] if each["judgement"] == PROBLEM] == []
    assert (code, found["healthy"], found["test_mail"]) == (0, True, None)
