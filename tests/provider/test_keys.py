"""Calls that are repeated: under a key that the provider knows, or after it was asked whether it has the mail."""

from typing import Any

import pytest
import requests

from example_project.provider import Provider
from tests.provider.conftest import backend, mail

KEY = "Idempotency-Key"


def send(provider: Provider, *to: str, key: str = "", **attributes: Any) -> str:
    """Sends under a key; the provider's id of the mail."""
    sender = backend(provider)
    sender.open()
    sender.session.headers.update({KEY: key} if key else {})
    message = mail(*to, **attributes)
    sender.send_messages([message])
    return str(message.anymail_status.message_id)


def search(provider: Provider, token: str = "", **query: str) -> requests.Response:
    headers = {"X-Postmark-Server-Token": token or provider.token}
    url = f"{provider.url}messages/outbound"
    return requests.get(url, params={"count": 1, "offset": 0, **query}, headers=headers, timeout=30)


def test_a_provider_that_honours_keys_makes_one_mail_of_two_calls(provider: Provider) -> None:
    provider.honours_key = True
    assert send(provider, "ada@example.org", key="one") == send(provider, "ada@example.org", key="one")
    assert len(provider.ledger.messages) == 1
    assert provider.ledger.repeats == 1
    assert [call.key for call in provider.ledger.calls] == ["one", "one"]
    assert [call.accepted for call in provider.ledger.calls] == [1, 0]


@pytest.mark.parametrize(("honours_key", "keys"), [(False, ["one", "one"]), (True, ["one", "two"]), (True, ["", ""])])
def test_other_calls_make_two(provider: Provider, honours_key: bool, keys: list[str]) -> None:
    provider.honours_key = honours_key
    for key in keys:
        send(provider, "ada@example.org", key=key, extra_headers={"Message-ID": "<one@example.org>"})
    assert provider.ledger.counts() == {"<one@example.org>": 2}
    assert provider.ledger.repeats == 0


def test_a_refused_call_leaves_its_key_unused(provider: Provider) -> None:
    provider.honours_key = True
    provider.mode("unavailable", times=1)
    with pytest.raises(requests.RequestException):
        send(provider, "ada@example.org", key="one")
    send(provider, "ada@example.org", key="one")
    assert len(provider.ledger.messages) == 1


def test_it_tells_whether_it_has_a_mail_by_the_senders_own_id(provider: Provider) -> None:
    message_id = send(provider, "ada@example.org", metadata={"email": "1"})
    send(provider, "bob@example.org", metadata={"email": "2"})
    found = search(provider, metadata_email="1").json()
    assert found["TotalCount"] == 1
    assert [message["MessageID"] for message in found["Messages"]] == [message_id]
    assert found["Messages"][0]["Recipients"] == ["ada@example.org"]
    assert search(provider, metadata_email="3").json() == {"TotalCount": 0, "Messages": []}
    assert search(provider, metadata_email="1", messagestream="other").json()["TotalCount"] == 0


def test_it_tells_nothing_to_a_stranger_and_nothing_when_it_cannot_be_asked(provider: Provider) -> None:
    assert search(provider, token="another").status_code == 401
    provider.askable = False
    assert search(provider).status_code == 404
