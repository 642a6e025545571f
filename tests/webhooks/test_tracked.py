"""A site that keeps anymail's own addresses: the app hears anymail's signal, and hears nothing twice."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from anymail.signals import AnymailTrackingEvent, tracking
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
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
from tests.webhooks.reported import RECIPIENT, body, hand_over, mailgun, message_id, signed, state_of, told

pytestmark = pytest.mark.django_db


def event(**facts: Any) -> AnymailTrackingEvent:
    at = datetime(2026, 11, 20, 10, tzinfo=UTC)
    given = {"event_type": "bounced", "timestamp": at, "message_id": message_id("postmark"), "recipient": RECIPIENT}
    return AnymailTrackingEvent(**{**given, "event_id": "1", "esp_event": {"RecordType": "Bounce"}, **facts})


@pytest.fixture
def heard() -> Iterator[list[Any]]:
    """What a receiver of the site hears, which anymail calls after ours."""
    events: list[Any] = []

    def receiver(event: Any, **kwargs: Any) -> None:
        events.append(event)

    tracking.connect(receiver)
    yield events
    tracking.disconnect(receiver)


def at_anymails_view(post: posts.Post) -> int:
    request = RequestFactory().post("/anymail/", post.body, post.content_type, headers=post.headers)
    return int(PROVIDERS[post.esp].view.as_view()(request).status_code)


def signed_form(email: Email, *, at: float) -> posts.Post:
    """As Mailgun posted before 2018."""
    told = {"event": "bounced", "recipient": email.recipient, "Message-Id": message_id("mailgun"), "code": "550"}
    proof = json.loads(signed({}, at=at).body)["signature"]
    return posts.Post("mailgun", urlencode(told | proof).encode(), "application/x-www-form-urlencoded")


def test_an_event_of_anymails_signal_is_stored_and_followed(email: Email) -> None:
    hand_over(email, "postmark")
    for _ in range(2):
        tracking.send(sender=PostmarkTrackingWebhookView, event=event(), esp_name="Postmark")
    assert (state_of(email), told(), RawEvent.objects.count()) == (EmailState.BOUNCED, 1, 1)


@pytest.mark.parametrize("esp", ["postmark"])
def test_anymails_own_view_leads_to_it(esp: str, email: Email) -> None:
    hand_over(email, esp)
    assert at_anymails_view(posts.post(esp, body(esp, "bounced", email))) == 200
    assert state_of(email) == EmailState.BOUNCED


def test_only_an_event_for_its_recipient_moves_an_email(email: Email) -> None:
    hand_over(email, "postmark")
    tracking.send(sender=PostmarkTrackingWebhookView, event=event(recipient="a@b.example"), esp_name="Postmark")
    assert (state_of(email), told()) == (EmailState.HANDED_OVER, 1)


@pytest.mark.parametrize(
    "odd", [{"recipient": [RECIPIENT]}, {"timestamp": "today"}, {"esp_event": {"ID": float("nan")}}], ids=str
)
def test_what_cannot_be_read_is_set_aside_and_keeps_no_receiver_of_the_site_waiting(
    odd: dict[str, Any], email: Email, heard: list[Any]
) -> None:
    hand_over(email, "postmark")
    tracking.send(sender=PostmarkTrackingWebhookView, event=event(**odd), esp_name="Postmark")
    assert (state_of(email), told()) == (EmailState.HANDED_OVER, 0)
    assert len(heard) == 1
    assert RawEvent.objects.get().error


# Mailgun's signature covers a time and a token, not what it says


@pytest.mark.attack(67, 68)
@pytest.mark.parametrize("esp", ["mailgun"])
@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
@pytest.mark.parametrize("age", [0, 8 * 3600, 13 * 3600, -3600])
def test_an_old_signature_of_mailguns_counts_for_nothing_here_either(
    esp: str, form: bool, age: int, email: Email, heard: list[Any]
) -> None:
    counts = 0 <= age <= 8 * 3600
    hand_over(email, esp)
    post = signed_form(email, at=time.time() - age) if form else signed(mailgun(email), at=time.time() - age)
    assert at_anymails_view(post) == 200
    assert (state_of(email) == EmailState.BOUNCED, told(), RawEvent.objects.count()) == (counts, counts, counts)
    assert len(heard) == 1, "the site's own receivers judge for themselves"


@pytest.mark.attack(68)
@pytest.mark.parametrize("esp", ["mailgun"])
def test_nor_does_a_token_that_came_with_another_body(
    esp: str, email: Email, heard: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    hand_over(email, esp)
    at = time.time()
    delivered, bounced = (signed(mailgun(email, name), at=at) for name in ("delivered", "bounced"))
    for post in (delivered, bounced, delivered):
        assert at_anymails_view(post) == 200
    assert (state_of(email), told(), RawEvent.objects.count()) == (EmailState.DELIVERED, 1, 1)
    assert caplog.text.count("its token came with another body") == 1, "the same again is fine"
    assert len(heard) == 3


@pytest.mark.parametrize("stamp", ["soon", None, [1], float("nan"), 10**400], ids=lambda stamp: str(stamp)[:4])
def test_a_signature_whose_time_is_none_is_old(stamp: Any, email: Email) -> None:
    hand_over(email, "mailgun")
    posted = {"signature": {"timestamp": stamp, "token": "t", "signature": "s"}}
    facts = {"esp_event": posted, "message_id": message_id("mailgun")}
    tracking.send(sender=MailgunTrackingWebhookView, event=event(**facts), esp_name="Mailgun")
    assert told() == 0


def test_what_the_sites_own_code_tells_of_mailgun_needs_no_signature(email: Email) -> None:
    hand_over(email, "mailgun")
    told_by_hand = event(esp_event={"event": "failed", "id": "x"}, message_id=message_id("mailgun"))
    tracking.send(sender=MailgunTrackingWebhookView, event=told_by_hand, esp_name="Mailgun")
    assert state_of(email) == EmailState.BOUNCED


def test_what_cannot_be_stored_raises_so_that_the_provider_tells_it_again(email: Email) -> None:
    hand_over(email, "postmark")
    with emails_that_cannot_change(), pytest.raises(Error):
        tracking.send(sender=PostmarkTrackingWebhookView, event=event(), esp_name="Postmark")
    assert not EmailEvent.objects.exclude(esp="").exists()


@pytest.mark.parametrize("esp", ["postmark"])
def test_what_came_through_our_own_door_is_not_stored_again_for_a_receiver_of_the_site(
    esp: str, email: Email, heard: list[Any]
) -> None:
    hand_over(email, esp)
    with statements() as found:
        assert posts.post(esp, body(esp, "bounced", email)).send().status_code == 200
    assert len(heard) == 1
    assert sum("INSERT INTO" in text and "recovery_emailevent" in text for text in found.texts) == 1


@pytest.mark.parametrize("esp", sorted(PROVIDERS))
def test_a_providers_name_in_the_signal_is_that_of_its_address(esp: str) -> None:
    assert slug_of(PROVIDERS[esp].view.esp_name) == esp
