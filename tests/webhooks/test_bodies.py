"""What a provider's post may hold: batches, what cannot be read, and texts that no database takes."""

import hmac
import json
import logging
from typing import Any

import pytest

from recovery import outbox
from recovery.models import Email, EmailEvent, RawEvent
from recovery.reasons import EmailKind, EmailState
from tests.following import failing
from tests.webhooks import posts
from tests.webhooks.reported import PROVIDERS, SNS, body, state_of, told

pytestmark = pytest.mark.django_db
IN_BATCHES = ["mailjet", "mailtrap", "mandrill", "sendgrid", "sparkpost", "unisender_go"]
UNREADABLE = {
    "nothing": b"",
    "no JSON": b"event=delivered",
    "half a document": b'[{"event": "delivered"',
    "no UTF-8": b'{"RecordType": "\xff\xfe"}',
    "a number": b"7",
    "NaN": b"NaN",
    "null": b"null",
    "a list of lists": b"[[[]]]",
    "a hundred thousand brackets": b"[" * 100_000,
    "too much": b"[" + b" " * 13_000_000 + b"]",
}

NO_JSON = {"nothing", "no JSON", "half a document", "no UTF-8", "NaN", "a hundred thousand brackets", "too much"}


def batch(esp: str, good: list[Any], malformed: list[Any]) -> str:
    """One body with all these events, the malformed ones in the middle."""
    events = [*good[: len(good) // 2], *malformed, *good[len(good) // 2 :]]
    if esp == "mailtrap":
        return json.dumps({"events": events})
    if esp == "unisender_go":
        return json.dumps({"auth": "$auth", "events_by_user": [{"user_id": 1, "events": events}]})
    return json.dumps(events)


def events_of(esp: str, text: str) -> list[Any]:
    content = json.loads(text)
    if esp == "unisender_go":
        return list(content["events_by_user"][0]["events"])
    return list(content["events"] if esp == "mailtrap" else content)


@pytest.mark.parametrize("malformed", [None, 7, "text", [], {"event": {}}], ids=json.dumps)
@pytest.mark.parametrize("esp", IN_BATCHES)
def test_of_a_hundred_events_a_malformed_one_is_set_aside(
    esp: str, malformed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    emails = outbox.queue(EmailKind.PASSWORD_CHANGED, [f"reader{n}@reader.example" for n in range(99)])
    good = [e for mail in emails for e in events_of(esp, body(esp, "bounced", mail, recipient=mail.recipient))]
    with caplog.at_level(logging.WARNING, "recovery.webhooks"):
        assert posts.post(esp, batch(esp, good, [malformed])).send().status_code == 200
    assert told() == Email.objects.filter(state=EmailState.BOUNCED).count() == 99
    (line,) = [record.getMessage() for record in caplog.records if record.name == "recovery.webhooks"]
    assert line.startswith(f"webhook {esp}: 1 events set aside")


@pytest.mark.parametrize("esp", IN_BATCHES)
def test_a_post_with_nothing_but_malformed_events_is_refused(esp: str) -> None:
    for _ in range(3):
        assert posts.post(esp, batch(esp, [], [None, 7])).send().status_code == 400
    assert told() == 0
    assert sorted(aside(), key=repr) == [(esp, 7), (esp, None)]


def aside() -> list[tuple[str, Any]]:
    """What was set aside, with an error, as it was posted."""
    assert not RawEvent.objects.filter(error="").exists()
    return [(row.esp, json.loads(row.content)) for row in RawEvent.objects.order_by("id")]


ALONE = {
    "amazon_ses": {"Type": "Notification", "MessageId": "1", "Message": "no JSON"},
    "brevo": {"event": {}},
    "mailersend": {"type": "activity.sent", "data": 7},
    "mailgun": {"event-data": 7},
    "postal": {"event": "MessageSent", "timestamp": "noon"},
    "postmark": {"RecordType": "Bounce", "Email": ["a@b.example"], "ID": 1},
    "resend": {"type": "email.bounced", "data": 7},
}


def malformed(esp: str) -> posts.Post:
    """The same each time, as a provider that is told 400 tries again."""
    content: dict[str, Any] = ALONE[esp]
    if esp == "mailgun":
        content = content | {"signature": {"timestamp": "$timestamp", "token": "$token", "signature": "$signature"}}
    return posts.post(esp, json.dumps(content))


@pytest.mark.parametrize("esp", ALONE)
def test_a_malformed_event_that_comes_alone_is_kept_once_and_refused(esp: str) -> None:
    post = malformed(esp)
    for _ in range(3):
        assert post.send().status_code == 400
    assert told() == 0
    [(by, content)] = aside()
    assert (by, ALONE[esp].items() <= content.items()) == (esp, True)


@pytest.mark.parametrize("esp", ["sparkpost"])
def test_what_is_kept_of_a_wrapped_event_is_what_it_said(esp: str) -> None:
    event = {"msys": {"message_event": {"type": {}, "event_id": "e1"}}}
    assert posts.post(esp, json.dumps([event])).send().status_code == 400
    assert aside() == [(esp, event["msys"]["message_event"])]


@pytest.mark.parametrize("esp", ALONE)
def test_a_malformed_event_of_a_stranger_is_not_kept(esp: str) -> None:
    post = malformed(esp)
    assert posts.unsigned(post).send().status_code in {400, 401}
    wrong: dict[str, Any] = ALONE[esp]
    assert posts.post(esp, json.dumps(wrong), posts.secret_of(esp).wrong).send().status_code == 400
    assert not RawEvent.objects.exists()


@pytest.mark.parametrize("esp", ["postal", "postmark"])
def test_mail_that_comes_in_at_the_address_for_events_is_refused_and_not_kept(esp: str) -> None:
    letter = {"RecordType": "Inbound", "TextBody": "Dear library"} if esp == "postmark" else {"rcpt_to": "a@b.example"}
    assert posts.post(esp, json.dumps(letter)).send().status_code == 400
    assert not RawEvent.objects.exists()


@pytest.mark.parametrize("esp", ["sparkpost"])
def test_mail_that_comes_in_among_events_costs_none_of_them(esp: str) -> None:
    came_in = {"msys": {"relay_message": {"content": {"text": "Dear library"}}}}
    said = {"type": "delivery", "event_id": "e1", "rcpt_to": "a@b.example", "timestamp": "1795000000"}
    assert posts.post(esp, json.dumps([{"msys": {"message_event": said}}, came_in])).send().status_code == 200
    assert EmailEvent.objects.count() == 1
    assert "Dear" not in RawEvent.objects.get().content


@pytest.mark.attack(77)
@pytest.mark.parametrize("esp", ["postal", "postmark"])
def test_a_malformed_event_that_cannot_be_kept_now_is_asked_for_again(esp: str) -> None:
    post = malformed(esp)
    with failing("recovery_emailevent"):
        assert post.send().status_code == 503
    assert post.send().status_code == 400
    assert len(aside()) == 1


@pytest.mark.parametrize("esp", ["mandrill"])
def test_an_event_of_inbound_mail_does_not_cost_mandrill_its_batch(esp: str, email: Email) -> None:
    inbound = {"event": "inbound", "ts": 1795169732, "msg": {"raw_msg": "Subject: hello", "email": "in@site.example"}}
    good = events_of(esp, body(esp, "bounced", email))
    assert posts.post(esp, batch(esp, [inbound, *good], [])).send().status_code == 200
    assert (told(), state_of(email)) == (1, EmailState.BOUNCED)


@pytest.mark.parametrize("what", UNREADABLE)
@pytest.mark.parametrize("esp", PROVIDERS)
def test_what_cannot_be_read_is_refused(esp: str, what: str) -> None:
    content = UNREADABLE[what]
    post = posts.post(esp, "{}" if esp != "amazon_ses" else json.dumps(SNS))
    post.body = content
    if esp in {"mailersend", "mailtrap"}:  # what they sign is the body alone, so this one is authentic
        name = "Signature" if esp == "mailersend" else "Mailtrap-Signature"
        post.headers = {name: hmac.new(posts.secret_of(esp).right.encode(), content, "sha256").hexdigest()}
    assert post.send().status_code == (413 if what == "too much" else 400)
    assert told() == RawEvent.objects.filter(error="").count() == 0
    if what in NO_JSON:
        assert not RawEvent.objects.exists()


@pytest.mark.attack(76)
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("esp", ["sendgrid"])
def test_what_is_no_json_costs_the_batch_and_not_one_event(esp: str, number: str, email: Email) -> None:
    (good,) = events_of(esp, body(esp, "bounced", email))
    text = json.dumps([good, {**good, "sg_event_id": "other", "attempt": 0}]).replace(
        '"attempt": 0', f'"attempt": {number}'
    )
    assert posts.post(esp, text).send().status_code == 400
    assert told() == RawEvent.objects.count() == 0


@pytest.mark.parametrize("esp", ["postmark"])
def test_texts_that_no_log_or_database_takes_are_stored_as_one_line(esp: str, email: Email) -> None:
    content = json.loads(body(esp, "bounced", email))
    content |= {"Description": "a\r\nb\x00c\ud800d\u202e" + "e" * 5000, "MessageID": "\x00" * 300}
    assert posts.post(esp, json.dumps(content)).send().status_code == 200
    event = EmailEvent.objects.get(esp=esp)
    assert event.detail.startswith("a  b c d eee")
    assert len(event.detail) == 1000
    assert state_of(email) == EmailState.BOUNCED


@pytest.mark.parametrize(
    ("at", "status"), [("0001-01-01T00:00:00+14:00", 400), ("9999-12-31T23:59:59-12:00", 400), ("noon", 200)]
)
@pytest.mark.parametrize("esp", ["postmark"])
def test_a_moment_that_cannot_be_is_no_trouble_for_the_database(esp: str, at: str, status: int, email: Email) -> None:
    content = json.loads(body(esp, "bounced", email)) | {"BouncedAt": at}
    assert posts.post(esp, json.dumps(content)).send().status_code == status
    assert told() == (status == 200)
