"""Mail through a provider's API: what it came to, under which key, with which marks, and in how much time at most."""

from contextlib import closing
from typing import Any

import pytest

from example_project.provider import Provider
from recovery.reasons import TryOutcome
from recovery.routes import METADATA_KEY, Line, Route
from tests.backends import Keyed
from tests.routes import backends, mails
from tests.routes.mail_server import mail_server
from tests.routes.mails import message, sent

KEYED = "tests.backends.Keyed"


def through(backend: str, **options: Any) -> Line:
    return Line(Route("other", spec={"BACKEND": f"tests.routes.backends.{backend}", "OPTIONS": options}))


def test_an_accepted_mail_bears_our_id_and_no_tracking(provider: Provider) -> None:
    with closing(Line(mails.to(provider))) as line:
        tried = line.send(message(), key="our-id", kind="reset")
    [arrived] = provider.ledger.messages
    assert (tried.outcome, tried.route, tried.esp) == (TryOutcome.ACCEPTED, "postmark", "postmark")
    assert tried.esp_message_id == arrived.id
    assert arrived.metadata == {METADATA_KEY: "our-id"}
    assert (arrived.tag, arrived.track_opens, arrived.track_links) == ("recovery-reset", False, "None")
    assert tried.detail == ""


FAULTS = {
    "bad_key": TryOutcome.REFUSED_US,
    "forbidden": TryOutcome.REFUSED_US,
    "unprocessable": TryOutcome.REFUSED_US,
    "limited": TryOutcome.BUSY,
    "broken": TryOutcome.DOWN,
    "unavailable": TryOutcome.DOWN,
    "close": TryOutcome.AMBIGUOUS,
    "drop": TryOutcome.AMBIGUOUS,
    "hang": TryOutcome.AMBIGUOUS,
    "garbage": TryOutcome.AMBIGUOUS,
    "no_id": TryOutcome.AMBIGUOUS,
}


@pytest.mark.attack(92, 93)
@pytest.mark.parametrize(("fault", "outcome"), FAULTS.items())
def test_each_fault_of_a_provider_is_told_apart_and_leaves_the_line_usable(
    provider: Provider, fault: str, outcome: TryOutcome
) -> None:
    provider.mode(fault, times=1)
    with closing(Line(mails.to(provider, OPTIONS={"timeout": 2 if fault == "hang" else 20}))) as line:
        tried = sent(line)
        assert tried.outcome == outcome
        assert tried.detail
        assert (tried.retry_after is not None) == (outcome == TryOutcome.BUSY)
        assert sent(line).outcome == TryOutcome.ACCEPTED


def test_a_refused_recipient_is_told_apart_from_us(provider: Provider) -> None:
    with closing(Line(mails.to(provider))) as line:
        assert sent(line, "reject@example.org").outcome == TryOutcome.REFUSED_RECIPIENT


def test_a_provider_that_is_gone_has_nothing(provider: Provider) -> None:
    route = mails.to(provider)
    provider.stop()
    with closing(Line(route)) as line:
        assert sent(line).outcome == TryOutcome.DOWN


@pytest.mark.attack(94)
def test_all_tries_of_one_mail_have_one_key_and_one_message_id(provider: Provider) -> None:
    """Over failures, another connection, and another route to the same provider."""
    provider.honours_key = True
    first, second = (mails.to(provider, name, BACKEND=KEYED) for name in ("one", "two"))
    provider.mode("close", times=1)
    tries = []
    for route in (first, first, second):
        with closing(Line(route)) as line:
            tries.append(sent(line, key="our-id").outcome)
    assert tries == [TryOutcome.AMBIGUOUS, TryOutcome.ACCEPTED, TryOutcome.ACCEPTED]
    assert provider.ledger.counts() == {"<one@library.example>": 1}
    assert {call.key for call in provider.ledger.calls} == {"our-id"}


@pytest.mark.attack(94)
def test_each_mail_on_a_line_has_its_own_key(provider: Provider) -> None:
    with closing(Line(mails.to(provider, BACKEND=KEYED))) as line:
        sent(line, key="one")
        sent(line, key="two")
    assert [call.key for call in provider.ledger.calls] == ["one", "two"]


def test_a_site_can_name_the_key_header_of_its_provider(provider: Provider) -> None:
    with closing(Line(mails.to(provider, KEY_HEADER="Idempotency-Key"))) as line:
        sent(line, key="our-id")
    with closing(Line(mails.to(provider))) as line:
        sent(line, key="our-id")
    assert [call.key for call in provider.ledger.calls] == ["our-id", ""]


@pytest.mark.parametrize("own", [{}, {"esp_extra": {"InlineCss": True}}])
def test_a_stream_is_that_of_its_route_alone(provider: Provider, own: dict[str, Any]) -> None:
    mail = message()
    vars(mail).update(own)
    for route in (mails.to(provider, STREAM="urgent"), mails.to(provider)):
        with closing(Line(route)) as line:
            line.send(mail, key="our-id", kind="reset")
    assert [arrived.stream for arrived in provider.ledger.messages] == ["urgent", "outbound"]
    assert vars(mail).get("esp_extra") == own.get("esp_extra")


def test_what_a_provider_has_no_switch_for_is_left_out(provider: Provider) -> None:
    route = mails.to(provider, BACKEND="tests.routes.backends.Choosy")
    with closing(Line(route)) as line:
        assert sent(line).outcome == TryOutcome.ACCEPTED
    [arrived] = provider.ledger.messages
    assert (arrived.metadata, arrived.tag, arrived.track_links) == ({}, "", "None")


def test_the_next_route_is_judged_by_its_own_answer(provider: Provider) -> None:
    mail = message("reject@example.org")
    with closing(Line(mails.to(provider))) as line:
        assert line.send(mail, key="our-id", kind="reset").outcome == TryOutcome.REFUSED_RECIPIENT
    with mail_server() as server, closing(Line(server.route())) as line:
        assert line.send(mail, key="our-id", kind="reset").outcome == TryOutcome.ACCEPTED


@pytest.mark.parametrize(
    ("backend", "outcome"),
    [
        ("Blocking", TryOutcome.REFUSED_RECIPIENT),
        ("Wordless", TryOutcome.ACCEPTED),
        ("Unspeakable", TryOutcome.DOWN),
    ],
)
def test_odd_backends_are_understood(backend: str, outcome: TryOutcome) -> None:
    assert sent(through(backend)).outcome == outcome


@pytest.mark.parametrize(
    "spec",
    [
        {"BACKEND": "no.such.Backend"},
        {"BACKEND": "anymail.backends.postmark.EmailBackend", "OPTIONS": {"api_url": "not a url", "server_token": "x"}},
        {"BACKEND": "anymail.backends.resend.EmailBackend"},
        {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": {"use_tls": True, "use_ssl": True}},
        {"BACKEND": "recovery.contrib.mail.EmailBackend"},
    ],
    ids=lambda spec: spec["BACKEND"],
)
def test_a_route_that_is_set_up_wrongly_refuses_us_and_keeps_the_mail(spec: dict[str, Any]) -> None:
    with closing(Line(Route("wrong", spec=spec))) as line:
        assert sent(line).outcome == TryOutcome.REFUSED_US


def test_a_mail_that_cannot_be_made_is_told_apart(provider: Provider) -> None:
    mail = message()
    mail.subject = "A new\npassword"
    with mail_server() as server, closing(Line(server.route())) as line:
        assert line.send(mail, key="our-id", kind="reset").outcome == TryOutcome.MALFORMED
        assert server.bodies == []


@pytest.mark.parametrize(
    ("given", "kept"), [(None, (5, 20)), (30, (5, 20)), (2, (2, 2)), ((1, 60), (1, 20)), ((None, 3), (5, 3))]
)
def test_an_api_that_never_answers_is_given_up_before_the_mails_lease_ends(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, given: Any, kept: tuple[float, float]
) -> None:
    seen: list[Any] = []
    original = Keyed.post_to_esp

    def watched(self: Any, payload: Any, mail: Any) -> Any:
        seen.append(self.timeout)
        return original(self, payload, mail)

    monkeypatch.setattr(Keyed, "post_to_esp", watched)
    with closing(Line(mails.to(provider, BACKEND=KEYED, OPTIONS={"timeout": given}))) as line:
        assert sent(line).outcome == TryOutcome.ACCEPTED
    assert seen == [kept]


def test_amazons_client_neither_waits_for_a_minute_nor_repeats_by_itself() -> None:
    backends.Amazon.made.clear()
    assert sent(through("Amazon", config={"read_timeout": 3, "region": "eu"})).outcome == TryOutcome.ACCEPTED
    [made] = backends.Amazon.made
    options = {"connect_timeout": 5, "read_timeout": 3, "retries": {"total_max_attempts": 1}, "region": "eu"}
    assert made.client_params["config"].options == options
