"""What a provider posted goes when its time is over; what it told of the mail stays."""

import json
from datetime import timedelta

import pytest

from recovery import retention
from recovery.models import Email, EmailEvent, RawEvent
from recovery.reasons import EmailState
from tests.following import let_pass
from tests.webhooks import posts
from tests.webhooks.conftest import anymail_of_the_provider, email
from tests.webhooks.reported import body, hand_over, state_of

__all__ = ["anymail_of_the_provider", "email"]

pytestmark = pytest.mark.django_db(transaction=True)

DAYS = timedelta(days=30)  # as the site is set unless it says otherwise
NOTHING_TO_READ = json.dumps({"RecordType": "Delivery", "Recipient": ["nobody"], "MessageID": {"odd": 1}})


def posted(esp: str, text: str) -> int:
    return posts.post(esp, text).send().status_code


@pytest.mark.parametrize("esp", ["postmark", "mailgun"])
def test_what_was_posted_is_blanked_when_its_time_is_over_and_its_event_stays(esp: str, email: Email) -> None:
    hand_over(email, esp)
    assert posted(esp, body(esp, "delivered", email)) == 200
    [event] = EmailEvent.objects.filter(email=email, esp=esp)
    said = (event.kind, event.esp_message_id, event.recipient, event.dedupe_key)
    let_pass(DAYS - timedelta(minutes=1))
    assert retention.purge().raw_events == 0
    assert RawEvent.objects.get(pk=event.pk).content
    let_pass(timedelta(minutes=2))
    assert retention.outlook().raw_events == 1
    assert retention.purge().raw_events == 1
    event = EmailEvent.objects.get(pk=event.pk)
    assert (event.content, event.digest) == ("", "")
    assert (event.kind, event.esp_message_id, event.recipient, event.dedupe_key) == said
    assert not RawEvent.objects.exists()
    assert (state_of(email), event.email_id) == (EmailState.DELIVERED, email.pk)
    assert (retention.outlook().raw_events, retention.purge().raw_events) == (0, 0)


@pytest.mark.parametrize("esp", ["postmark"])
def test_told_again_after_its_words_went_it_is_no_second_event(esp: str, email: Email) -> None:
    hand_over(email, esp)
    text = body(esp, "delivered", email)
    posted(esp, text)
    let_pass(DAYS + timedelta(minutes=1))
    retention.purge()
    assert posted(esp, text) == 200
    assert EmailEvent.objects.filter(esp=esp).count() == 1
    assert not RawEvent.objects.exists()


@pytest.mark.parametrize("esp", ["postmark"])
def test_what_could_not_be_read_goes_as_a_whole_in_the_same_run(esp: str, email: Email) -> None:
    hand_over(email, esp)
    assert posted(esp, NOTHING_TO_READ) == 400
    assert posted(esp, body(esp, "delivered", email)) == 200
    [aside] = RawEvent.objects.exclude(error="")
    assert not EmailEvent.objects.filter(pk=aside.pk).exists()
    let_pass(DAYS + timedelta(minutes=1))
    assert (retention.outlook().raw_events, retention.purge().raw_events) == (2, 2)
    assert not RawEvent.objects.exists()
    assert EmailEvent._meta.model.objects.filter(email=email, esp=esp).count() == 1
    assert Email.objects.get(pk=email.pk).events.filter(esp=esp).count() == 1


@pytest.mark.parametrize("esp", ["postmark"])
def test_what_is_about_nobodys_mail_goes_whole_and_is_counted_once(esp: str, email: Email) -> None:
    text = posts.text(esp, "delivered", email_id="", message_id="not-ours", recipient="someone@else.example")
    assert posted(esp, text) == 200
    let_pass(DAYS + timedelta(minutes=1))
    told = retention.outlook().raw_events
    assert (told, retention.purge().raw_events) == (1, 1)
    assert not EmailEvent.objects.filter(esp=esp).exists()
