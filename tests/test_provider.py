"""The provider on localhost: what it answers anymail's own backend, what it posts back, how it misbehaves on demand."""

import base64
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from anymail.backends.postmark import EmailBackend
from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused, AnymailRequestsAPIError
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from django.core.mail import EmailMultiAlternatives
from requests import exceptions

from example_project import provider as providers
from example_project.provider import Provider
from example_project.provider.fates import CHOSEN
from example_project.provider.faults import FAULTS

SECRET = "postmark:back and forth"


class Receiver:
    """A site that takes webhooks and answers with what is in ``answers``, then 200."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.authorizations: list[str] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append(json.loads(body))
                receiver.authorizations.append(self.headers.get("Authorization", ""))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/webhooks/postmark/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def wait(self, count: int) -> list[dict[str, Any]]:
        wait_until(lambda: len(self.bodies) >= count)
        return self.bodies


def wait_until(question: Callable[[], object], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture
def provider(receiver: Receiver) -> Iterator[Provider]:
    provider = providers.start(webhook_url=receiver.url, secret=SECRET, pace=0.02)
    yield provider
    provider.stop()


def backend(provider: Provider, **options: Any) -> EmailBackend:
    return EmailBackend(**{"server_token": provider.token, "api_url": provider.url, "timeout": 5, **options})


def mail(*to: str, **attributes: Any) -> EmailMultiAlternatives:
    message = EmailMultiAlternatives(
        "A new password", "Open http://127.0.0.1/x?a=1&b=2.", "Example <accounts@example.org>", to=list(to)
    )
    message.attach_alternative("<p>Open <b>it</b></p>", "text/html")
    message.metadata = {"email": "our own id"}
    for name, value in attributes.items():
        setattr(message, name, value)
    return message


def events_of(bodies: list[dict[str, Any]]) -> list[tuple[str, str | None, str | None]]:
    """What anymail makes of the bodies: type, reason, and the other side's words."""
    view = PostmarkTrackingWebhookView(webhook_secret=SECRET)
    events = [view.esp_to_anymail_event(body) for body in bodies]
    return [(event.event_type, event.reject_reason, event.mta_response) for event in events]


def fetch(url: str, **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers))
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.read().decode(), answer.headers


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
    bodies = receiver.wait(len(expected))
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
    first, second = receiver.wait(2)
    assert first["ID"] != second["ID"]
    assert "Content" not in first
    assert "127.0.0.1/x" not in json.dumps(first)


def test_silent_mail_is_accepted_and_never_heard_of(provider: Provider, receiver: Receiver) -> None:
    backend(provider).send_messages([mail("silent@example.org"), mail("ada@example.org")])
    assert [body["Recipient"] for body in receiver.wait(1)] == ["ada@example.org"]
    silent = provider.ledger.to("silent@example.org")[0]
    assert (silent.events, silent.is_waiting) == ([], False)


def test_a_rejected_recipient_is_refused_by_the_api(provider: Provider, receiver: Receiver) -> None:
    message = mail("reject@example.org")
    with pytest.raises(AnymailRecipientsRefused):
        backend(provider).send_messages([message])
    assert message.anymail_status.recipients["reject@example.org"].status == "rejected"
    assert provider.ledger.messages == []
    assert [call.status for call in provider.ledger.calls] == [422]


def test_every_fate_has_a_test() -> None:
    assert set(CHOSEN) == {"bounce+hard", "bounce+soft", "slow", "defer", "complaint", "silent", "reject"}


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


def test_webhooks_are_repeated_unchanged_until_they_are_taken(provider: Provider, receiver: Receiver) -> None:
    receiver.answers = [500, 503]
    backend(provider).send_messages([mail("bounce+hard@example.org")])
    bodies = receiver.wait(3)
    assert bodies[0] == bodies[1] == bodies[2]
    wait_until(lambda: provider.ledger.messages[0].events[0].answer == 200)
    assert [event.tries for event in provider.ledger.messages[0].events] == [3]


def test_webhooks_wait_for_a_site_that_is_not_up_yet(receiver: Receiver) -> None:
    provider = providers.start(webhook_url="http://127.0.0.1:1/", secret=SECRET, pace=0.02)
    backend(provider).send_messages([mail("ada@example.org")])
    wait_until(lambda: provider.ledger.messages[0].events and provider.ledger.messages[0].events[0].tries)
    provider.webhook_url = receiver.url
    assert receiver.wait(1)[0]["RecordType"] == "Delivery"
    provider.stop()


def test_a_site_that_forbids_a_webhook_is_not_asked_again(provider: Provider, receiver: Receiver) -> None:
    receiver.answers = [403]
    backend(provider).send_messages([mail("ada@example.org")])
    receiver.wait(1)
    time.sleep(0.4)
    assert len(receiver.bodies) == 1


def test_without_webhooks_nobody_is_told(receiver: Receiver) -> None:
    provider = providers.start(webhook_url=receiver.url, secret=SECRET, webhooks=False, pace=0.02)
    backend(provider).send_messages([mail("ada@example.org")])
    wait_until(lambda: provider.ledger.messages[0].events)
    time.sleep(0.1)
    assert receiver.bodies == []
    provider.stop()


class TestFaults:
    @pytest.mark.parametrize(("name", "status"), [(n, f.status) for n, f in FAULTS.items() if f.is_error])
    def test_errors_accept_nothing(self, provider: Provider, name: str, status: int) -> None:
        provider.mode(name, retry_after="7")
        with pytest.raises(AnymailRequestsAPIError) as refusal:
            backend(provider).send_messages([mail("ada@example.org")])
        assert refusal.value.status_code == status
        assert refusal.value.response.headers["Retry-After"] == "7"
        assert provider.ledger.messages == []
        assert provider.ledger.calls[0].fault == name

    def test_a_fault_ends_after_its_number_of_calls(self, provider: Provider) -> None:
        provider.mode("unavailable", times=2)
        for _ in range(2):
            with pytest.raises(AnymailRequestsAPIError):
                backend(provider).send_messages([mail("ada@example.org")])
        assert backend(provider).send_messages([mail("ada@example.org")]) == 1

    def test_close_accepts_and_says_nothing(self, provider: Provider) -> None:
        provider.mode("close")
        with pytest.raises(exceptions.ConnectionError):
            backend(provider).send_messages([mail("ada@example.org")])
        assert len(provider.ledger.messages) == 1

    def test_hang_accepts_and_keeps_the_caller_waiting(self, provider: Provider) -> None:
        provider.mode("hang")
        with pytest.raises(exceptions.Timeout):
            backend(provider, timeout=0.2).send_messages([mail("ada@example.org")])
        assert len(provider.ledger.messages) == 1

    @pytest.mark.parametrize("name", ["garbage", "no_id"])
    def test_a_useless_answer_hides_that_the_mail_was_accepted(self, provider: Provider, name: str) -> None:
        provider.mode(name)
        with pytest.raises(AnymailRequestsAPIError):
            backend(provider).send_messages([mail("ada@example.org")])
        assert len(provider.ledger.messages) == 1

    def test_slow_answers_late(self, provider: Provider) -> None:
        provider.mode("slow", seconds=0.2)
        start = time.monotonic()
        assert backend(provider).send_messages([mail("ada@example.org")]) == 1
        assert time.monotonic() - start >= 0.2

    def test_a_stopped_provider_drops_those_who_talk_to_it(self, provider: Provider) -> None:
        kept_alive = backend(provider)
        kept_alive.open()
        kept_alive.send_messages([mail("ada@example.org")])
        provider.stop()
        with pytest.raises(exceptions.ConnectionError):
            kept_alive.send_messages([mail("ada@example.org")])


class TestLedger:
    def test_it_names_what_stays_the_same_when_a_mail_is_sent_twice(self, provider: Provider) -> None:
        message = mail("ada@example.org", extra_headers={"Message-ID": "<one@example.org>"})
        backend(provider).send_messages([message])
        backend(provider).send_messages([message])
        status, text, headers = fetch(provider.url + "ledger.json")
        first, second = json.loads(text)["messages"]
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert first["key"] == second["key"] == "<one@example.org>"
        assert first["body_hash"] == second["body_hash"]
        assert first["id"] != second["id"]
        assert "127.0.0.1/x" not in text

    def test_it_can_be_waited_for_and_cleared(self, provider: Provider) -> None:
        assert provider.ledger.wait_for("ada@example.org", seconds=0) == []
        backend(provider).send_messages([mail("Ada <ada@example.org>")])
        assert len(provider.ledger.wait_for("ADA@example.org")) == 1
        provider.ledger.clear()
        assert provider.ledger.messages == []


class TestInbox:
    def test_it_lists_and_shows_mail_with_links_in_the_text_alone(self, provider: Provider) -> None:
        backend(provider).send_messages([mail("ada@example.org", subject="<script>alert(1)</script>")])
        message = provider.ledger.messages[0]
        status, listing, _ = fetch(provider.url)
        assert status == 200
        assert f'href="/mail/{message.id}/"' in listing
        status, page, headers = fetch(f"{provider.url}mail/{message.id}/")
        assert status == 200
        assert '<a href="http://127.0.0.1/x?a=1&amp;b=2" rel="noreferrer">' in page
        assert "<script" not in listing + page
        assert "default-src 'none'" in headers["Content-Security-Policy"]

    def test_html_stands_alone_and_may_do_nothing(self, provider: Provider) -> None:
        backend(provider).send_messages([mail("ada@example.org")])
        status, html, headers = fetch(f"{provider.url}mail/{provider.ledger.messages[0].id}/html")
        assert (status, html) == (200, "<p>Open <b>it</b></p>")
        policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
        assert headers["Content-Security-Policy"] == policy

    def test_pages_refresh_without_a_script_unless_told_to_be_still(self, provider: Provider) -> None:
        assert 'http-equiv="refresh"' in fetch(provider.url)[1]
        assert 'http-equiv="refresh"' not in fetch(provider.url + "?still")[1]

    def test_reading_reports_an_opening_only_where_the_sender_asked_for_it(
        self, provider: Provider, receiver: Receiver
    ) -> None:
        backend(provider).send_messages([mail("silent@a.example"), mail("silent@b.example", track_opens=True)])
        for message in provider.ledger.messages:
            fetch(f"{provider.url}mail/{message.id}/html")
        assert [(body["RecordType"], body["Recipient"]) for body in receiver.wait(1)] == [("Open", "silent@b.example")]

    def test_a_foreign_name_for_this_machine_reads_nothing(self, provider: Provider) -> None:
        backend(provider).send_messages([mail("ada@example.org")])
        status, page, _ = fetch(provider.url, Host="rebound.example")
        assert status == 421
        assert "ada@example.org" not in page

    @pytest.mark.parametrize("path", ["mail/nothing/", "mail/00000000-0000-0000-0000-000000000000/", "../settings.py"])
    def test_what_is_not_there_is_not_found(self, provider: Provider, path: str) -> None:
        assert fetch(provider.url + path)[0] == 404
