"""What the provider shows: its ledger as JSON, and the inbox as pages."""

import http.client
import json
import urllib.error
import urllib.request

import pytest

from example_project.provider import Provider
from tests.provider.conftest import Receiver, backend, mail


def fetch(url: str, **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers))
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.read().decode(), answer.headers


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
        told = [(body["RecordType"], body["Recipient"]) for body in receiver.all_from(provider)]
        assert told == [("Open", "silent@b.example")]

    def test_a_foreign_name_for_this_machine_reads_nothing(self, provider: Provider) -> None:
        backend(provider).send_messages([mail("ada@example.org")])
        status, page, _ = fetch(provider.url, Host="rebound.example")
        assert status == 421
        assert "ada@example.org" not in page

    @pytest.mark.parametrize("path", ["mail/nothing/", "mail/00000000-0000-0000-0000-000000000000/", "../settings.py"])
    def test_what_is_not_there_is_not_found(self, provider: Provider, path: str) -> None:
        assert fetch(provider.url + path)[0] == 404
