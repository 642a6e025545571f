"""A site that keeps anymail's own addresses: the app hears anymail's signal, and hears nothing twice."""

from datetime import UTC, datetime
from typing import Any

import pytest
from anymail.signals import AnymailTrackingEvent, tracking
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from django.db import Error
from django.test import RequestFactory

from recovery.models import Email, EmailEvent, RawEvent
from recovery.reasons import EmailState
from recovery.webhooks import PROVIDERS
from recovery.webhooks.reading import slug_of
from tests.asking import statements
from tests.webhooks import posts
from tests.webhooks.faults import emails_that_cannot_change
from tests.webhooks.reported import RECIPIENT, body, hand_over, message_id, state_of, told

pytestmark = pytest.mark.django_db


def event(**facts: Any) -> AnymailTrackingEvent:
    at = datetime(2026, 11, 20, 10, tzinfo=UTC)
    given = {"event_type": "bounced", "timestamp": at, "message_id": message_id("postmark"), "recipient": RECIPIENT}
    return AnymailTrackingEvent(**{**given, "event_id": "1", "esp_event": {"RecordType": "Bounce"}, **facts})


def test_an_event_of_anymails_signal_is_stored_and_followed(email: Email) -> None:
    hand_over(email, "postmark")
    for _ in range(2):
        tracking.send(sender=PostmarkTrackingWebhookView, event=event(), esp_name="Postmark")
    assert (state_of(email), told(), RawEvent.objects.count()) == (EmailState.BOUNCED, 1, 1)


@pytest.mark.parametrize("esp", ["postmark"])
def test_anymails_own_view_leads_to_it(esp: str, email: Email) -> None:
    hand_over(email, esp)
    post = posts.post(esp, body(esp, "bounced", email))
    request = RequestFactory().post("/anymail/", post.body, post.content_type, headers=post.headers)
    view: Any = PostmarkTrackingWebhookView
    assert view.as_view()(request).status_code == 200
    assert state_of(email) == EmailState.BOUNCED


def test_what_cannot_be_stored_raises_so_that_the_provider_tells_it_again(email: Email) -> None:
    hand_over(email, "postmark")
    with emails_that_cannot_change(), pytest.raises(Error):
        tracking.send(sender=PostmarkTrackingWebhookView, event=event(), esp_name="Postmark")
    assert not EmailEvent.objects.exclude(esp="").exists()


@pytest.mark.parametrize("esp", ["postmark"])
def test_what_came_through_our_own_door_is_not_stored_again_for_a_receiver_of_the_site(esp: str, email: Email) -> None:
    hand_over(email, esp)
    heard: list[Any] = []

    def receiver(event: Any, **kwargs: Any) -> None:
        heard.append(event)

    tracking.connect(receiver)
    try:
        with statements() as found:
            assert posts.post(esp, body(esp, "bounced", email)).send().status_code == 200
    finally:
        tracking.disconnect(receiver)
    assert len(heard) == 1
    assert sum("INSERT INTO" in text and "recovery_emailevent" in text for text in found.texts) == 1


@pytest.mark.parametrize("esp", sorted(PROVIDERS))
def test_a_providers_name_in_the_signal_is_that_of_its_address(esp: str) -> None:
    assert slug_of(PROVIDERS[esp].view.esp_name) == esp
