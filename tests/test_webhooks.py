"""Every provider's webhook at the real address, CSRF checks on, with real signatures."""

import hmac
import json
import logging
from typing import Any

import pytest
from anymail.signals import tracking
from django.test import Client
from django.urls import reverse

from recovery import feedback, outbox, webhooks
from recovery.models import Email, EmailEvent
from recovery.reasons import EmailKind, EmailState
from tests.webhooks import posts
from tests.webhooks.faults import emails_that_cannot_change

pytestmark = pytest.mark.django_db

PROVIDERS = sorted(webhooks.PROVIDERS)
KEYED = sorted(posts.SECRETS)
BY_KEY_ALONE = sorted(esp for esp, provider in webhooks.PROVIDERS.items() if provider.needs_key)
COVERING_THE_BODY = sorted({*KEYED} - {"mailgun"})  # Mailgun signs a time and a token, not what it says
IN_BATCHES = ["mailjet", "mailtrap", "mandrill", "sendgrid", "sparkpost", "unisender_go"]
FILES = sorted((file.parent.name, file.stem) for file in posts.FOLDER.glob("*/*.json"))
STATES = {"sent": EmailState.HANDED_OVER, "delivered": EmailState.DELIVERED, "bounced": EmailState.BOUNCED}
RECIPIENT = "Amélie.B@reader.example"
MESSAGE_IDS = {"mailgun": "<a1.b2@mail.library.example>", "mailjet": "576460752303423488", "postal": "38476"}


@pytest.fixture(autouse=True)
def anymail_of_the_provider(request: pytest.FixtureRequest, settings: Any) -> None:
    """The site has the secret of the provider that the test is about, and no other."""
    if "esp" in request.fixturenames:
        settings.ANYMAIL = posts.anymail(request.getfixturevalue("esp"))


@pytest.fixture
def email() -> Email:
    return outbox.queue(EmailKind.PASSWORD_CHANGED, [RECIPIENT])[0]


def hand_over(email: Email, esp: str) -> None:
    """What delivery notes at hand-over."""
    Email.objects.filter(pk=email.pk).update(
        state=EmailState.HANDED_OVER, handed_over_at="2026-11-20T10:15:30Z", esp=esp, esp_message_id=message_id(esp)
    )


def message_id(esp: str) -> str:
    return MESSAGE_IDS.get(esp, f"{esp}-0f9d3a")


def body(esp: str, name: str, email: Email, recipient: str = RECIPIENT) -> str:
    return posts.text(esp, name, email_id=email.pk, message_id=message_id(esp), recipient=recipient)


def arrival(esp: str) -> str:
    """The file of a mail that went well. Mandrill never says that one was delivered."""
    return "sent" if esp == "mandrill" else "delivered"


def state_of(email: Email) -> str:
    email.refresh_from_db()
    return email.state


def told() -> int:
    return EmailEvent.objects.exclude(esp="").count()


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
    text = body(esp, "bounced", email)
    assert [posts.post(esp, text).send().status_code for _ in range(2)] == [200, 200]
    assert told() == 1
    assert state_of(email) == EmailState.BOUNCED


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


@pytest.mark.parametrize("esp", PROVIDERS)
def test_nobody_without_proof_is_heard(esp: str, email: Email) -> None:
    hand_over(email, esp)
    post = posts.unsigned(posts.post(esp, body(esp, "bounced", email)))
    assert_refused(post, email)


@pytest.mark.parametrize("esp", PROVIDERS)
def test_a_wrong_secret_is_refused(esp: str, email: Email) -> None:
    hand_over(email, esp)
    assert_refused(posts.post(esp, body(esp, "bounced", email), posts.secret_of(esp).wrong), email)


@pytest.mark.parametrize("esp", PROVIDERS)
def test_the_proof_of_another_provider_is_refused(esp: str, email: Email, settings: Any) -> None:
    hand_over(email, esp)
    settings.ANYMAIL = {secret.setting: secret.value for secret in posts.SECRETS.values()}
    settings.ANYMAIL |= {"WEBHOOK_SECRET": posts.BASIC}
    for other in {*KEYED, "postmark"} if esp in KEYED else {*KEYED}:
        if other != esp:
            post = posts.unsigned(posts.post(esp, body(esp, "bounced", email)))
            post.headers |= posts.post(other, body(other, "bounced", email)).headers
            assert_refused(post, email)


@pytest.mark.parametrize("esp", COVERING_THE_BODY)
def test_one_changed_character_breaks_the_signature(esp: str, email: Email) -> None:
    hand_over(email, esp)
    post = posts.post(esp, body(esp, "bounced", email))
    post.body = post.body.replace(b"reader.example", b"reader.examplf", 1)
    assert_refused(post, email)


def assert_refused(post: posts.Post, email: Email) -> None:
    before = state_of(email)
    assert post.send().status_code in {400, 401, 403}
    assert told() == 0
    assert state_of(email) == before


@pytest.mark.parametrize("unset", [{}, "", None, []])
@pytest.mark.parametrize("esp", PROVIDERS)
def test_without_a_secret_nobody_is_heard(
    esp: str, unset: Any, email: Email, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    name = posts.secret_of(esp).setting
    settings.ANYMAIL = {} if unset == {} else {name: unset, "WEBHOOK_SECRET": unset}
    empty = "whsec_" if esp == "resend" else ""
    post = posts.post(esp, body(esp, "bounced", email), None if esp in {"postal", "sendgrid"} else empty)
    with caplog.at_level(logging.ERROR, "recovery.webhooks"):
        assert_refused(post, email)
    assert name in caplog.text
    assert webhooks.missing_secret(esp) == name


@pytest.mark.parametrize("nothing", ["None", ":", "password without a user", ["", "None"]])
def test_a_shared_secret_that_proves_nothing_is_none(nothing: Any, email: Email, settings: Any) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": nothing}
    assert webhooks.missing_secret("postmark") == "WEBHOOK_SECRET"
    assert_refused(posts.unsigned(posts.post("postmark", body("postmark", "bounced", email))), email)


@pytest.mark.parametrize("esp", BY_KEY_ALONE)
def test_the_shared_secret_does_not_replace_a_key_that_the_provider_needs(
    esp: str, email: Email, settings: Any
) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": posts.BASIC}
    assert webhooks.missing_secret(esp) == posts.secret_of(esp).setting
    post = posts.post(esp, body(esp, "bounced", email), None if esp == "postal" else "")  # anybody can sign with ""
    post.headers |= posts.basic(posts.BASIC)
    assert_refused(post, email)


@pytest.mark.parametrize("esp", sorted({*KEYED} - {*BY_KEY_ALONE}))
def test_the_shared_secret_will_do_where_a_key_is_left_empty(esp: str, email: Email, settings: Any) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": posts.BASIC, posts.secret_of(esp).setting: ""}
    post = posts.unsigned(posts.post(esp, body(esp, "bounced", email)))
    post.headers = posts.basic(posts.BASIC)
    assert post.send().status_code == 200
    assert state_of(email) == EmailState.BOUNCED


def test_mailguns_older_key_counts_where_the_newer_is_not_set(email: Email, settings: Any) -> None:
    settings.ANYMAIL = {"MAILGUN_API_KEY": "mailgun key"}
    assert posts.post("mailgun", body("mailgun", "bounced", email)).send().status_code == 200
    settings.ANYMAIL = {"MAILGUN_API_KEY": "mailgun key", "MAILGUN_WEBHOOK_SIGNING_KEY": ""}
    assert webhooks.missing_secret("mailgun") == "MAILGUN_WEBHOOK_SIGNING_KEY"


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
    assert posts.post(esp, batch(esp, [], [None, 7])).send().status_code == 400
    assert told() == 0


@pytest.mark.parametrize("esp", ["mandrill"])
def test_an_event_of_inbound_mail_does_not_cost_mandrill_its_batch(esp: str, email: Email) -> None:
    inbound = {"event": "inbound", "ts": 1795169732, "msg": {"raw_msg": "Subject: hello", "email": "in@site.example"}}
    good = events_of(esp, body(esp, "bounced", email))
    assert posts.post(esp, batch(esp, [inbound, *good], [])).send().status_code == 200
    assert (told(), state_of(email)) == (1, EmailState.BOUNCED)


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
    "too much": b"[" + b" " * 3_000_000 + b"]",
}


@pytest.mark.parametrize("what", UNREADABLE)
@pytest.mark.parametrize("esp", PROVIDERS)
def test_what_cannot_be_read_is_refused(esp: str, what: str) -> None:
    content = UNREADABLE[what]
    post = posts.post(esp, "{}" if esp != "amazon_ses" else json.dumps(SNS))
    post.body = content
    if esp in {"mailersend", "mailtrap"}:  # what they sign is the body alone, so this one is authentic
        name = "Signature" if esp == "mailersend" else "Mailtrap-Signature"
        post.headers = {name: hmac.new(posts.secret_of(esp).right.encode(), content, "sha256").hexdigest()}
    assert post.send().status_code == 400
    assert told() == 0


SNS = {"Type": "Notification", "MessageId": "1", "Message": "{}"}


@pytest.mark.parametrize("esp", ["amazon_ses"])
def test_amazon_is_asked_for_the_password_before_it_sends_it(esp: str) -> None:
    response = posts.unsigned(posts.post(esp, json.dumps(SNS))).send()
    assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Basic realm="Anymail WEBHOOK_SECRET"')


@pytest.mark.parametrize("esp", ["amazon_ses"])
def test_a_topic_that_cannot_be_confirmed_now_may_be_confirmed_later(esp: str) -> None:
    topic = "arn:aws:sns:us-east-1:123456789012:SES_Events"
    notice = {"Type": "SubscriptionConfirmation", "MessageId": "1", "TopicArn": topic, "Token": "abc", "Message": ""}
    assert posts.post(esp, json.dumps(notice)).send().status_code == 503  # boto3 is not installed


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


@pytest.mark.parametrize("esp", PROVIDERS)
def test_no_log_line_repeats_a_secret_or_an_address(
    esp: str, email: Email, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ANYMAIL |= {"WEBHOOK_SECRET": posts.BASIC}
    post = posts.post(esp, body(esp, "bounced", email), posts.secret_of(esp).wrong)
    post.headers |= posts.basic(posts.BASIC) if esp in KEYED else {}
    with caplog.at_level(logging.DEBUG):
        assert post.send().status_code == 400
    for private in (posts.BASIC, str(posts.secret_of(esp).value), RECIPIENT):
        assert private not in caplog.text
