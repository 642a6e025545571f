"""Every provider's webhook at the real address, CSRF checks on, with real signatures: what a report does."""

import json
import sys
from typing import Any

import pytest
from anymail.signals import tracking
from anymail.webhooks import amazon_ses
from django.test import Client
from django.urls import reverse

from recovery import feedback, webhooks
from recovery.models import Email, EmailEvent
from recovery.reasons import EmailState
from tests.webhooks import posts
from tests.webhooks.faults import emails_that_cannot_change
from tests.webhooks.reported import PROVIDERS, RECIPIENT, body, hand_over, message_id, state_of, told

pytestmark = pytest.mark.django_db
FILES = sorted((file.parent.name, file.stem) for file in posts.FOLDER.glob("*/*.json"))
STATES = {"sent": EmailState.HANDED_OVER, "delivered": EmailState.DELIVERED, "bounced": EmailState.BOUNCED}


def arrival(esp: str) -> str:
    """The file of a mail that went well. Mandrill never says that one was delivered."""
    return "sent" if esp == "mandrill" else "delivered"


def test_every_provider_of_anymail_has_files_for_an_arrival_and_a_bounce() -> None:
    assert {*FILES} == {(esp, name) for esp in PROVIDERS for name in (arrival(esp), "bounced")}


@pytest.mark.parametrize(("esp", "name"), FILES)
def test_a_signed_report_moves_its_email(esp: str, name: str, email: Email) -> None:
    hand_over(email, esp)
    assert posts.post(esp, body(esp, name, email)).send().status_code == 200
    assert state_of(email) == STATES[name]
    event = EmailEvent.objects.get(esp=esp)
    assert (event.email, event.kind, event.recipient) == (email, name, RECIPIENT)
    assert event.esp_message_id == message_id(esp)
    assert event.occurred_at.date().isoformat() == "2026-11-20"
    assert (email.delivered_at is not None) == (name == "delivered")


@pytest.mark.parametrize("esp", PROVIDERS)
def test_the_longer_address_of_anymail_answers_too(esp: str, email: Email, settings: Any) -> None:
    hand_over(email, esp)
    if esp == "mandrill":  # it signs its own idea of the address
        settings.ANYMAIL |= {"MANDRILL_WEBHOOK_URL": "http://testserver" + reverse("recovery:webhook", args=[esp])}
    post = posts.post(esp, body(esp, "bounced", email))
    assert post.send(f"/recovery/webhooks/{esp}/tracking/").status_code == 200
    assert state_of(email) == EmailState.BOUNCED


@pytest.mark.parametrize("esp", PROVIDERS)
def test_a_report_told_twice_is_stored_once(esp: str, email: Email) -> None:
    hand_over(email, esp)
    post = posts.post(esp, body(esp, "bounced", email))  # signed once: a second later it would be another body
    assert [post.send().status_code for _ in range(2)] == [200, 200]
    assert told() == 1
    assert state_of(email) == EmailState.BOUNCED


@pytest.mark.attack(74)
@pytest.mark.parametrize("esp", PROVIDERS)
def test_a_report_before_the_hand_over_is_noted_counts_in_the_end(esp: str, email: Email) -> None:
    Email.objects.filter(pk=email.pk).update(state=EmailState.SENDING)
    assert posts.post(esp, body(esp, "bounced", email)).send().status_code == 200
    assert told() == 1
    if state_of(email) == EmailState.SENDING:  # this provider does not give our own id back
        hand_over(email, esp)
        assert feedback.match_late() == 1
    assert state_of(email) == EmailState.BOUNCED
    assert email.handed_over_at is not None


@pytest.mark.parametrize("esp", PROVIDERS)
def test_a_report_about_another_recipient_is_kept_but_moves_nothing(esp: str, email: Email) -> None:
    hand_over(email, esp)
    assert posts.post(esp, body(esp, "bounced", email, recipient="other@reader.example")).send().status_code == 200
    assert state_of(email) == EmailState.HANDED_OVER
    assert EmailEvent.objects.get(esp=esp).email is None


def test_an_unknown_provider_is_not_found() -> None:
    assert posts.Post("carrierpigeon", b"{}").send().status_code == 404
    with pytest.raises(KeyError):
        webhooks.missing_secret("carrierpigeon")


@pytest.mark.parametrize("esp", PROVIDERS)
def test_head_is_answered_and_get_refused_as_anymail_does(esp: str, settings: Any) -> None:
    url = reverse("recovery:webhook", args=[esp])
    for given in (posts.anymail(esp), {}):
        settings.ANYMAIL = given
        assert Client().head(url).status_code == 200
        assert Client().get(url).status_code == (200 if esp == "unisender_go" else 405)


@pytest.mark.parametrize("esp", PROVIDERS)
def test_a_site_that_asks_everyone_to_sign_in_still_hears_providers(esp: str, email: Email, settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    hand_over(email, esp)
    assert posts.post(esp, body(esp, "bounced", email)).send().status_code == 200
    assert state_of(email) == EmailState.BOUNCED


@pytest.mark.parametrize("esp", ["amazon_ses"])
def test_a_topic_that_cannot_be_confirmed_now_may_be_confirmed_later(
    esp: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)  # a site that cannot check signatures
    monkeypatch.setattr(amazon_ses, "boto3", None)
    topic = "arn:aws:sns:us-east-1:123456789012:SES_Events"
    settings.RECOVERY = settings.RECOVERY | {"WEBHOOKS": {"amazon_ses": {"TOPICS": [topic]}}}
    notice = {"Type": "SubscriptionConfirmation", "MessageId": "1", "TopicArn": topic, "Token": "abc", "Message": ""}
    assert posts.post(esp, json.dumps(notice)).send().status_code == 503


@pytest.mark.attack(77)
@pytest.mark.parametrize("esp", ["postmark"])
def test_what_could_not_be_stored_is_asked_for_again(esp: str, email: Email, caplog: pytest.LogCaptureFixture) -> None:
    hand_over(email, esp)
    with emails_that_cannot_change():
        assert posts.post(esp, body(esp, "bounced", email)).send().status_code == 503
    assert told() == 0
    assert RECIPIENT not in caplog.text
    assert posts.post(esp, body(esp, "bounced", email)).send().status_code == 200
    assert state_of(email) == EmailState.BOUNCED


@pytest.mark.parametrize("esp", PROVIDERS)
def test_receivers_of_anymails_own_signal_still_hear_every_event(esp: str, email: Email) -> None:
    heard: list[Any] = []

    def broken(**kwargs: Any) -> None:
        raise RuntimeError("The host's receiver has a fault.")

    def receiver(sender: Any, event: Any, esp_name: str, **kwargs: Any) -> None:
        heard.append((event.event_type, event.recipient, esp_name, told()))

    tracking.connect(broken)
    tracking.connect(receiver, sender=webhooks.PROVIDERS[esp].view)
    try:
        assert posts.post(esp, body(esp, "bounced", email)).send().status_code == 200
        assert posts.post(esp, body(esp, "bounced", email), posts.secret_of(esp).wrong).send().status_code >= 400
    finally:
        tracking.disconnect(broken)
        tracking.disconnect(receiver, sender=webhooks.PROVIDERS[esp].view)
    assert heard == [("bounced", RECIPIENT, webhooks.PROVIDERS[esp].view.esp_name, 1)]
