"""What the provider answers anymail's own backend, and what it makes happen to the mail."""

import base64
import http.client
import json
from typing import Any

import pytest
from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused, AnymailRequestsAPIError
from anymail.webhooks.postmark import PostmarkTrackingWebhookView

from example_project.provider import Provider
from example_project.provider.fates import CHOSEN
from tests.provider.conftest import SECRET, Receiver, backend, mail


def events_of(bodies: list[dict[str, Any]]) -> list[tuple[str, str | None, str | None]]:
    """What anymail makes of the bodies: type, reason, and the other side's words."""
    view = PostmarkTrackingWebhookView(webhook_secret=SECRET)
    events = [view.esp_to_anymail_event(body) for body in bodies]
    return [(event.event_type, event.reject_reason, event.mta_response) for event in events]


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [
        ("ada@example.org", [("delivered", None)]),
        ("bounce+hard@example.org", [("bounced", "550 5.1.1")]),
        ("bounce+hard+2@example.org", [("bounced", "550 5.1.1")]),
        ("bounce+soft@example.org", [("bounced", "452 4.2.2")]),
        ("slow@example.org", [("delivered", None)]),
        ("DEFER@example.org", [("deferred", "451 4.7.1"), ("delivered", None)]),
        ("complaint@example.org", [("delivered", None), ("complained", None)]),
    ],
)
def test_recipients_choose_their_fate_by_name(
    provider: Provider, receiver: Receiver, recipient: str, expected: list[tuple[str, str | None]]
) -> None:
    message = mail(recipient)
    backend(provider).send_messages([message])
    assert message.anymail_status.status == {"sent"}
    bodies = receiver.all_from(provider)
    for (kind, _reason, details), (expected_kind, said) in zip(events_of(bodies), expected, strict=True):
        assert kind == expected_kind
        assert said is None or said in (details or "")
    for body in bodies:
        assert body["MessageID"] == message.anymail_status.message_id
        assert body["Metadata"] == {"email": "our own id"}
        assert (body.get("Email") or body.get("Recipient")) == recipient
    assert receiver.authorizations[0] == "Basic " + base64.b64encode(SECRET.encode()).decode()


def test_bounces_carry_ids_of_their_own_and_never_the_mail(provider: Provider, receiver: Receiver) -> None:
    backend(provider).send_messages([mail("bounce+hard@a.example"), mail("bounce+hard@b.example")])
    first, second = receiver.all_from(provider)
    assert first["ID"] != second["ID"]
    assert "Content" not in first
    assert "127.0.0.1/x" not in json.dumps(first)


def test_silent_mail_is_accepted_and_never_heard_of(provider: Provider, receiver: Receiver) -> None:
    backend(provider).send_messages([mail("silent@example.org"), mail("ada@example.org")])
    assert [body["Recipient"] for body in receiver.all_from(provider)] == ["ada@example.org"]
    silent = provider.ledger.to("silent@example.org")[0]
    assert (silent.events, silent.is_waiting) == ([], False)


def test_a_rejected_recipient_is_refused_by_the_api(provider: Provider, receiver: Receiver) -> None:
    message = mail("reject@example.org")
    with pytest.raises(AnymailRecipientsRefused):
        backend(provider).send_messages([message])
    assert message.anymail_status.recipients["reject@example.org"].status == "rejected"
    assert provider.ledger.messages == []
    assert [call.status for call in provider.ledger.calls] == [422]


def test_a_full_mailbox_has_room_the_second_time(provider: Provider, receiver: Receiver) -> None:
    for _ in range(2):
        backend(provider).send_messages([mail("full@example.org")])
        bodies = receiver.all_from(provider)
    assert [body.get("Type", body["RecordType"]) for body in bodies] == ["SoftBounce", "Delivery"]


def test_whoever_opted_out_gets_what_is_transactional_and_nothing_else(provider: Provider, receiver: Receiver) -> None:
    with pytest.raises(AnymailRecipientsRefused):
        backend(provider).send_messages([mail("optout@example.org", esp_extra={"MessageStream": "broadcast"})])
    backend(provider).send_messages([mail("optout@example.org")])
    assert [body["RecordType"] for body in receiver.all_from(provider)] == ["Delivery"]


def test_every_fate_has_a_test() -> None:
    chosen = {"bounce+hard", "bounce+soft", "full", "slow", "defer", "complaint", "optout", "silent", "reject"}
    assert set(CHOSEN) == chosen


def test_a_wrong_token_is_refused(provider: Provider) -> None:
    with pytest.raises(AnymailRequestsAPIError) as refusal:
        backend(provider, server_token="another").send_messages([mail("ada@example.org")])
    assert refusal.value.status_code == 401
    assert provider.ledger.messages == []


@pytest.mark.parametrize(
    "attributes",
    [
        {"subject": "x" * 2001},
        {"metadata": {"a name of more than twenty": "x"}},
        {"metadata": {"email": "x" * 81}},
        {"metadata": {str(number): "x" for number in range(11)}},
    ],
)
def test_what_postmark_would_refuse_is_refused(provider: Provider, attributes: dict[str, Any]) -> None:
    with pytest.raises((AnymailAPIError, ValueError)):
        backend(provider).send_messages([mail("ada@example.org", **attributes)])
    assert provider.ledger.messages == []


def test_a_batch_stands_mail_by_mail(provider: Provider) -> None:
    message = mail("ada@example.org", "reject@example.org", merge_metadata={})
    backend(provider).send_messages([message])
    statuses = {address: one.status for address, one in message.anymail_status.recipients.items()}
    assert statuses == {"ada@example.org": "sent", "reject@example.org": "rejected"}
    assert [(call.path, call.accepted) for call in provider.ledger.calls] == [("/email/batch", 1)]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"[" * 100_000, b"\xff", b'{"To": 1, "From": "a@b"}', b'{"To": "a", "From": "a@b"}', b"{}"]
)
def test_a_malformed_call_is_refused_and_the_next_is_served(provider: Provider, body: bytes) -> None:
    headers = {"X-Postmark-Server-Token": provider.token, "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", provider.port)
    connection.request("POST", "/email", body, headers)
    answer = connection.getresponse()
    assert answer.status == 422
    assert json.loads(answer.read())["ErrorCode"]
    connection.close()
    assert backend(provider).send_messages([mail("ada@example.org")]) == 1
