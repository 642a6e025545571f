"""How the provider misbehaves on demand, and whether it took the mail all the same."""

import threading
import time

import pytest
from anymail.exceptions import AnymailRequestsAPIError
from requests import exceptions

from example_project.provider import Provider
from example_project.provider.faults import FAULTS
from tests.provider.conftest import backend, mail


@pytest.mark.parametrize(("name", "status"), [(n, f.status) for n, f in FAULTS.items() if f.is_error])
def test_errors_accept_nothing(provider: Provider, name: str, status: int) -> None:
    provider.mode(name, retry_after="7")
    with pytest.raises(AnymailRequestsAPIError) as refusal:
        backend(provider).send_messages([mail("ada@example.org")])
    assert refusal.value.status_code == status
    assert refusal.value.response.headers["Retry-After"] == "7"
    assert provider.ledger.messages == []
    assert provider.ledger.calls[0].fault == name


def test_a_fault_ends_after_its_number_of_calls(provider: Provider) -> None:
    provider.mode("unavailable", times=2)
    for _ in range(2):
        with pytest.raises(AnymailRequestsAPIError):
            backend(provider).send_messages([mail("ada@example.org")])
    assert backend(provider).send_messages([mail("ada@example.org")]) == 1


def test_close_accepts_and_says_nothing(provider: Provider) -> None:
    provider.mode("close")
    with pytest.raises(exceptions.ConnectionError):
        backend(provider).send_messages([mail("ada@example.org")])
    assert len(provider.ledger.messages) == 1


def test_hang_accepts_and_keeps_the_caller_waiting(provider: Provider) -> None:
    provider.mode("hang")
    with pytest.raises(exceptions.Timeout):
        backend(provider, timeout=0.2).send_messages([mail("ada@example.org")])
    assert len(provider.ledger.wait_for("ada@example.org")) == 1


@pytest.mark.parametrize("name", ["garbage", "no_id"])
def test_a_useless_answer_hides_that_the_mail_was_accepted(provider: Provider, name: str) -> None:
    provider.mode(name)
    with pytest.raises(AnymailRequestsAPIError):
        backend(provider).send_messages([mail("ada@example.org")])
    assert len(provider.ledger.messages) == 1


def test_slow_answers_late(provider: Provider) -> None:
    provider.mode("slow", seconds=0.2)
    start = time.monotonic()
    assert backend(provider).send_messages([mail("ada@example.org")]) == 1
    assert time.monotonic() - start >= 0.2


def test_a_stopped_provider_drops_those_who_talk_to_it(provider: Provider) -> None:
    kept_alive = backend(provider)
    kept_alive.open()
    kept_alive.send_messages([mail("ada@example.org")])
    provider.stop()
    with pytest.raises(exceptions.ConnectionError):
        kept_alive.send_messages([mail("ada@example.org")])


def test_drop_ends_the_call_unread_and_accepts_nothing(provider: Provider) -> None:
    provider.mode("drop", times=1)
    with pytest.raises(exceptions.ConnectionError):
        backend(provider).send_messages([mail("ada@example.org")])
    assert provider.ledger.messages == []
    assert backend(provider).send_messages([mail("ada@example.org")]) == 1


def test_hold_accepts_and_answers_when_it_is_told_to_let_go(provider: Provider) -> None:
    provider.mode("hold")
    answers: list[int] = []
    caller = threading.Thread(target=lambda: answers.append(backend(provider).send_messages([mail("ada@example.org")])))
    caller.start()
    assert len(provider.ledger.wait_for("ada@example.org")) == 1
    assert answers == []
    provider.let_go()
    caller.join()
    assert answers == [1]


def test_flap_fails_in_every_other_run(provider: Provider) -> None:
    provider.mode("flap", seconds=0.2)
    answers = set()
    deadline = time.monotonic() + 60
    while answers != {"taken", "refused"} and time.monotonic() < deadline:
        try:
            backend(provider).send_messages([mail("ada@example.org")])
            answers.add("taken")
        except AnymailRequestsAPIError:
            answers.add("refused")
    assert answers == {"taken", "refused"}
    accepted = sum(call.accepted for call in provider.ledger.calls)
    assert accepted == len(provider.ledger.messages)


def test_every_fault_has_a_test() -> None:
    errors = {name for name, fault in FAULTS.items() if fault.is_error}
    others = {"ok", "slow", "close", "drop", "hang", "hold", "garbage", "no_id"}
    assert set(FAULTS) == errors | others
