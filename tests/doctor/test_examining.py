"""What the doctor looks at, and what it says where something is wrong."""

import socket
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import override_settings
from django.utils import timezone

from recovery import bell, doctor, heartbeats
from recovery.models import BackupAddress, Heartbeat
from recovery.reasons import EmailKind, Examined, Judgement, Part
from tests.doctor.examined import found, judged
from tests.factories import UserFactory
from tests.following import templates
from tests.living import everything_lives

pytestmark = pytest.mark.django_db(transaction=True)

OK, NOTICE, PROBLEM, UNKNOWN = Judgement.OK, Judgement.NOTICE, Judgement.PROBLEM, Judgement.UNKNOWN


def test_everything_is_looked_at_and_each_complaint_says_what_to_do_next() -> None:
    said = list(doctor.examine(answer_within=0.1))
    assert {each.examined for each in said} >= set(Examined) - {Examined.TEST_MAIL, Examined.ALARMS, Examined.WEBHOOKS}
    assert [each for each in said if each.judgement != OK and not each.what_next] == []


def test_a_wrong_setting_is_a_problem_and_a_doubtful_one_a_notice(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "BASE_URLS": "x"}
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    told = {each.subject: each.judgement for each in found(Examined.SETTINGS)}
    assert told["recovery.E001"] == PROBLEM
    assert told["recovery.W012"] == NOTICE


def test_parts_that_never_lived_and_parts_that_died_are_told() -> None:
    assert PROBLEM in judged(Examined.PARTS)
    everything_lives()
    assert judged(Examined.PARTS) == {OK}
    heartbeats.gone(Part.BEAT)
    assert [each.subject for each in found(Examined.PARTS) if each.judgement == NOTICE] == ["beat"]


@pytest.mark.usefixtures("workers")
def test_a_worker_answers_the_doctor_and_its_answer_does_not_stay() -> None:
    assert judged(Examined.BROKER) == {OK}
    assert not Heartbeat.objects.exists()


def test_a_broker_that_nobody_runs_is_told_from_a_worker_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, broker_url: str
) -> None:
    [silent] = found(Examined.BROKER)
    assert (silent.judgement, "no worker answered" in silent.said) == (PROBLEM, True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", f"redis://127.0.0.1:{port}/0")
    bell._producers.cache_clear()
    [refused] = found(Examined.BROKER)
    assert (refused.judgement, "did not take" in refused.said) == (PROBLEM, True)
    bell._producers.cache_clear()


def test_an_answer_that_nobody_waited_for_makes_nothing_red() -> None:
    everything_lives()
    heartbeats.beat(Part.ECHO, "somebody")
    Heartbeat.objects.filter(part=Part.ECHO).update(beat_at="2026-01-01T00:00:00Z")
    assert heartbeats.health().healthy
    assert heartbeats.purge() == 1


@pytest.mark.parametrize(("ahead", "judgement"), [(0, OK), (60, PROBLEM)])
def test_a_clock_that_is_not_the_databases_is_told(ahead: int, judgement: Judgement) -> None:
    with time_machine.travel(timezone.now() + timedelta(seconds=ahead)):
        assert judged(Examined.CLOCK) == {judgement}


def test_tracking_that_is_switched_on_is_told(settings: Any) -> None:
    assert judged(Examined.TRACKING) == {OK}
    settings.ANYMAIL = {**settings.ANYMAIL, "POSTMARK_SEND_DEFAULTS": {"track_clicks": True}}
    resend = {"NAME": "spare", "BACKEND": "anymail.backends.resend.EmailBackend", "OPTIONS": {"api_key": "k"}}
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [resend]}
    assert [each.subject for each in found(Examined.TRACKING)] == ["POSTMARK_SEND_DEFAULTS", "spare"]
    assert judged(Examined.TRACKING) == {NOTICE}


def test_every_mail_is_rendered_in_every_language(settings: Any) -> None:
    [said] = found(Examined.TEMPLATES)
    kinds = len(EmailKind) - 1
    assert f"{kinds * len(settings.LANGUAGES)} mails" in said.said
    with override_settings(LANGUAGES=[("en", "English"), ("de", "Deutsch")]):
        [said] = found(Examined.TEMPLATES)
    assert f"{kinds * 2} mails" in said.said


@pytest.mark.parametrize(
    ("text", "said"),
    [("{{ links|nonsense }}", "TemplateSyntaxError"), ("Hello.", "no link or code"), (" ", "no text")],
)
def test_a_template_that_breaks_or_lost_its_link_is_a_problem(settings: Any, text: str, said: str) -> None:
    with templates({"recovery/mail/reset.txt": text}):
        told = found(Examined.TEMPLATES)
    assert {each.judgement for each in told} == {PROBLEM}
    assert {each.subject for each in told} == {f"default reset {language}" for language, _ in settings.LANGUAGES}
    assert all(said in each.said for each in told)


def test_twins_and_mistyped_domains_are_told_without_a_whole_address() -> None:
    assert judged(Examined.TWINS) == {OK}
    assert judged(Examined.NEAR_MISSES) == {OK}
    UserFactory.create(username="ada", email="Ada.Lovelace@example.com")
    UserFactory.create(username="Ada", email="ada.lovelace@EXAMPLE.com")
    UserFactory.create(email="one@gmial.com")
    backup = UserFactory.create(email="two@GMIAL.com")
    kept = {"address": "b@hotmial.com", "address_key": "b@hotmial.com", "code_until": timezone.now()}
    BackupAddress.objects.create(user_key=str(backup.pk), **kept)
    twins = found(Examined.TWINS)
    assert [each.subject for each in twins] == ["email", "username"]
    assert "lovelace" not in " ".join(each.said for each in twins).lower()
    missed = {each.subject: each.said for each in found(Examined.NEAR_MISSES)}
    assert set(missed) == {"gmial.com", "hotmial.com"}
    assert "2 stored addresses end in gmial.com, probably meant as gmail.com." in missed["gmial.com"]


def test_a_dns_that_does_not_answer_is_unknown_and_no_problem() -> None:
    assert UNKNOWN in judged(Examined.DOMAINS)
    assert PROBLEM not in judged(Examined.DOMAINS)


def test_a_webhook_without_a_secret_is_a_problem(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "WEBHOOKS": {"mailgun": {}}}
    [door] = found(Examined.WEBHOOKS)
    assert (door.judgement, "no secret" in door.said) == (PROBLEM, True)


def test_what_breaks_while_it_is_looked_at_is_told_and_the_rest_is_looked_at(settings: Any) -> None:
    settings.ANYMAIL = 3
    [said] = found(Examined.TRACKING)
    assert said.judgement == PROBLEM
    assert found(Examined.TWINS)
